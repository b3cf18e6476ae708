import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { create, createFileRegistry, type DescMessage, fromJson, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import crc32c from 'crc-32/crc32c.js';

const field = (name: string, number: number, type: string) => ({ name, number, type: `TYPE_${type}` });
const message = (name: string, number: number, typeName: string) => ({
  ...field(name, number, 'MESSAGE'),
  typeName: `.tensorflow.${typeName}`,
});
/** Fields of which a message holds one; unlike the others they are written when zero, too. */
const oneOf = <Field extends object>(name: string, fields: readonly Field[]) => ({
  oneofDecl: [{ name }],
  choices: fields.map((each) => ({ ...each, oneofIndex: 0 })),
});

const what = oneOf('what', [
  field('file_version', 3, 'STRING'),
  message('summary', 5, 'Summary'),
  message('session_log', 7, 'SessionLog'),
]);
const value = oneOf('value', [field('simple_value', 2, 'FLOAT'), message('image', 4, 'Image')]);

/**
 * The fields of TensorFlow's `event.proto` and `summary.proto` that are written here. `status` is an enum there, which
 * is an int32 on the wire.
 */
const messages = createFileRegistry(
  fromJson(FileDescriptorProtoSchema, {
    name: 'event.proto',
    package: 'tensorflow',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Event',
        field: [field('wall_time', 1, 'DOUBLE'), field('step', 2, 'INT64'), ...what.choices],
        oneofDecl: what.oneofDecl,
      },
      { name: 'Summary', field: [{ ...message('value', 1, 'Value'), label: 'LABEL_REPEATED' }] },
      { name: 'Value', field: [field('tag', 1, 'STRING'), ...value.choices], oneofDecl: value.oneofDecl },
      {
        name: 'Image',
        field: [
          field('height', 1, 'INT32'),
          field('width', 2, 'INT32'),
          field('colorspace', 3, 'INT32'),
          field('encoded_image_string', 4, 'BYTES'),
        ],
      },
      { name: 'SessionLog', field: [field('status', 1, 'INT32')] },
    ],
  }),
  () => undefined,
);

/** `tensorflow.Event`, as far as it is written here. */
export const eventSchema: DescMessage = messages.getMessage('tensorflow.Event')!;

/** `SessionLog.START`: TensorBoard drops what it has read of this step and later ones. */
const SESSION_START = 1;

/** An open event file. Each call has reached the operating system when it returns, so a killed process loses nothing. */
export interface TensorBoardWriter {
  /** The event file's path. */
  readonly path: string;
  /** One event with a value per tag: `{'train/loss': 0.4, 'train/lr': 1e-3}`. */
  scalars(values: Readonly<Record<string, number>>, step: number): void;
  /**
   * A picture.
   * @param png a PNG file's bytes.
   * @throws when they aren't.
   */
  image(tag: string, png: Uint8Array, step: number): void;
  /** Wait until everything is on disk. */
  flush(): void;
  close(): void;
}

/** How an event file is opened. */
export interface TensorBoardOptions {
  /** When a run goes on after this step: TensorBoard forgets what earlier files say of later steps. */
  readonly resumeStep?: number;
}

/**
 * Begin an event file, `events.out.tfevents.<seconds>.<host>`, in a run's folder, which is made if need be. Files
 * already there stay as they are: TensorBoard shows them as one run.
 * @throws the file system's error when the file can't be made.
 */
export function openTensorBoard(folder: string, { resumeStep }: TensorBoardOptions = {}): TensorBoardWriter {
  mkdirSync(folder, { recursive: true });
  const { path, file } = openNew(folder, Math.floor(Date.now() / 1000));
  const write = (what: { case: string; value: unknown }, step: number) => {
    const event = create(eventSchema, { wallTime: Date.now() / 1000, step: BigInt(step), what });
    writeWhole(file, frameRecord(toBinary(eventSchema, event)));
  };
  const summary = (values: readonly object[], step: number) =>
    write({ case: 'summary', value: { value: values } }, step);
  write({ case: 'fileVersion', value: 'brain.Event:2' }, 0);
  if (resumeStep !== undefined)
    write({ case: 'sessionLog', value: { status: SESSION_START } }, resumeStep + 1);
  return {
    path,
    scalars: (values, step) =>
      summary(
        Object.entries(values).map(([tag, value]) => ({ tag, value: { case: 'simpleValue', value } })),
        step,
      ),
    image: (tag, png, step) => summary([{ tag, value: { case: 'image', value: imageMessage(png) } }], step),
    flush: () => fsyncSync(file),
    close: () => closeSync(file),
  };
}

/** Two files of one second need two names: the second one is dated into the future. */
function openNew(folder: string, seconds: number): { path: string; file: number } {
  const path = join(folder, `events.out.tfevents.${seconds}.${hostname()}`);
  try {
    return { path, file: openSync(path, 'ax') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return openNew(folder, seconds + 1);
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(file, bytes, at);
}

const PNG_START = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** A PNG's colour type → channels, which is what TensorFlow calls a colorspace. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/** The `Image` message of a PNG file; its IHDR chunk comes first, at fixed places. */
function imageMessage(png: Uint8Array): object {
  if (png.byteLength < 33 || PNG_START.some((byte, at) => png[at] !== byte))
    throw new Error(`TensorBoard images are PNG files; these ${png.byteLength} bytes aren't one`);
  const view = new DataView(png.buffer, png.byteOffset);
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    colorspace: CHANNELS[view.getUint8(25)] ?? 4,
    encodedImageString: png,
  };
}

/** TFRecord: uint64 length, its checksum, the data, its checksum; all little-endian. */
function frameRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(12 + data.byteLength + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.byteLength), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.byteLength, maskedCrc32c(data), true);
  return record;
}

/** CRC-32C rotated and offset, as TFRecord wants it, so that data which holds checksums has a sound one itself. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes, 0);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
