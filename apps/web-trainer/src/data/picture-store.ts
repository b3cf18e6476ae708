import type { Dataset } from '@maehem/data';
import {
  findFile,
  namesIn,
  openFolder,
  readJson,
  remove,
  StorageError,
  writeFile,
  written,
} from '../keep/private-files.js';
import type { OwnPictures } from './source.js';

const FOLDER = 'pictures';
const INDEX_FILE = 'index.json';
const PIXELS_FILE = 'pixels.bin';

/** What is known of one picture: its pixels lie in `pixels.bin` from `offset` on, [height, width, 3]. */
interface PictureEntry {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly offset: number;
  readonly label?: number;
}

/** A collection as it is kept. */
interface PictureIndex {
  readonly name: string;
  readonly created: number;
  readonly classes?: readonly string[];
  readonly pictures: readonly PictureEntry[];
}

/** A collection as it is listed. */
export interface StoredPictures {
  readonly source: OwnPictures;
  readonly count: number;
  readonly bytes: number;
  readonly classes: number;
}

const CHANNELS = 3;

/** Collections up to this size are read into memory at once; of larger ones each picture is read when it is needed. */
const IN_MEMORY = 256e6;

/** Open a collection that was brought before. @throws StorageError when this browser no longer has it. */
export async function openPictures(source: OwnPictures): Promise<Dataset> {
  const folder = await openFolder(FOLDER, source.id);
  const index = (await readJson(folder, INDEX_FILE)) as PictureIndex | undefined;
  const file = await findFile(folder, PIXELS_FILE);
  if (index === undefined || file === undefined)
    throw new StorageError(`the pictures “${source.name}” are no longer in this browser; bring them again`);
  const whole = file.size <= IN_MEMORY ? new Uint8Array(await file.arrayBuffer()) : undefined;
  const read = async (offset: number, size: number): Promise<Uint8Array> =>
    whole?.subarray(offset, offset + size) ??
    new Uint8Array(await file.slice(offset, offset + size).arrayBuffer());
  const { name, classes, pictures } = index;
  return {
    ...{ name, length: pictures.length },
    ...(classes && { classes }),
    get: async (at) => {
      const entry = pictures[at];
      if (entry === undefined) throw new RangeError(`${name} has no picture ${at}`);
      const { height, width, offset, label } = entry;
      const pixels = await read(offset, height * width * CHANNELS);
      const sample = { name: entry.name, height, width, channels: CHANNELS, pixels };
      return label === undefined ? sample : { ...sample, label };
    },
  };
}

/** A collection that is being written, picture by picture. */
export interface PictureWriter {
  add(picture: {
    name: string;
    height: number;
    width: number;
    pixels: Uint8Array;
    folder?: string;
  }): Promise<void>;
  /** @returns how to open it; classes are the folders, where every picture has one. */
  finish(): Promise<OwnPictures>;
  abort(): Promise<void>;
}

/** Start a collection. @throws StorageError when nothing can be kept here. */
export async function writePictures(id: string, name: string): Promise<PictureWriter> {
  const folder = await openFolder(FOLDER, id);
  const stream = await (await folder.getFileHandle(PIXELS_FILE, { create: true })).createWritable();
  const pictures: (PictureEntry & { folder?: string })[] = [];
  let offset = 0;
  return {
    add: async ({ name: picture, height, width, pixels, folder: from }) => {
      await written(picture, () => stream.write(pixels as Uint8Array<ArrayBuffer>));
      const entry = { name: picture, height, width, offset };
      pictures.push(from === undefined ? entry : { ...entry, folder: from });
      offset += pixels.length;
    },
    finish: async () => {
      await written(name, () => stream.close());
      const index: PictureIndex = { name, created: Date.now(), ...labelled(pictures) };
      await writeFile(folder, INDEX_FILE, JSON.stringify(index));
      return { kind: 'own', id, name };
    },
    abort: async () => {
      await stream.abort().catch(() => {});
      await removePictures(id);
    },
  };
}

/** Folders become classes where every picture lies in one, and there are two or more. */
function labelled(
  found: readonly (PictureEntry & { folder?: string })[],
): Pick<PictureIndex, 'classes' | 'pictures'> {
  const pictures = found.map(({ folder: _, ...entry }) => entry);
  const classes = [...new Set(found.map(({ folder }) => folder))].sort();
  if (classes.length < 2 || classes.includes(undefined)) return { pictures };
  const labels = new Map(classes.map((name, label) => [name, label]));
  return {
    classes: classes as string[],
    pictures: pictures.map((entry, at) => ({ ...entry, label: labels.get(found[at]!.folder)! })),
  };
}

/** Collections that are kept here, newest first. */
export async function listPictures(): Promise<StoredPictures[]> {
  const ids = await namesIn(await openFolder(FOLDER));
  const found = await Promise.all(
    ids.map(async (id) => {
      const folder = await openFolder(FOLDER, id);
      const index = (await readJson(folder, INDEX_FILE)) as PictureIndex | undefined;
      const file = await findFile(folder, PIXELS_FILE);
      return index === undefined || file === undefined ? [] : [{ id, index, bytes: file.size }];
    }),
  );
  return found
    .flat()
    .sort((a, b) => b.index.created - a.index.created)
    .map(({ id, index, bytes }) => ({
      source: { kind: 'own', id, name: index.name },
      count: index.pictures.length,
      bytes,
      classes: index.classes?.length ?? 0,
    }));
}

/** Forget a collection. */
export async function removePictures(id: string): Promise<void> {
  await remove(await openFolder(FOLDER), id);
}
