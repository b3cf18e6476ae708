import crc32 from 'crc-32';
import { type HostTensor, type Named, tensorBytes } from '../host-tensor.js';
import { loadTensor, type TensorSource } from '../tensor-source.js';
import { WeightsError } from '../weights-error.js';
import { pickleCheckpoint } from './pickle-writer.js';

/** Offsets and sizes here have 32 bits. */
const MAX_ARCHIVE_BYTES = 2 ** 32 - 1;
/** `torch.load` may map a file into memory: contents begin at multiples of this. */
const ALIGNMENT = 64;
const LOCAL_BYTES = 30;
const EXTRA_HEADER_BYTES = 4;
/** PyTorch's own field for padding: 'FB'. */
const PADDING_FIELD = 0x4246;
const FOLDER = 'archive';

/**
 * The bytes of a `.pth` file as `torch.save({'model': tensors, **notes})` writes it, one tensor in memory at a time: what
 * the reference's scripts load with `--finetune` and `--resume`.
 * @param notes small values beside the weights, `epoch` say
 * @throws WeightsError when it would exceed 4 GB.
 */
export async function* encodeTorch(
  tensors: Named<TensorSource>,
  notes: Named<string | number | boolean> = {},
): AsyncGenerator<Uint8Array> {
  const list = Object.entries(tensors);
  const archive = new ZipWriter();
  yield* archive.file('data.pkl', pickleCheckpoint(list, notes));
  yield* archive.file('byteorder', new TextEncoder().encode('little'));
  for (const [index, [, source]] of list.entries())
    yield* archive.file(`data/${index}`, tensorBytes((await loadTensor(source)) as HostTensor));
  yield* archive.file('version', new TextEncoder().encode('3\n'));
  yield archive.directory();
}

/** A zip archive of stored files, written from front to back. */
class ZipWriter {
  readonly #entries: Uint8Array[] = [];
  #at = 0;

  *file(path: string, contents: Uint8Array): Generator<Uint8Array> {
    const name = new TextEncoder().encode(`${FOLDER}/${path}`);
    const headerAt = this.#at;
    const unpadded = headerAt + LOCAL_BYTES + name.byteLength + EXTRA_HEADER_BYTES;
    const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
    const checksum = crc32.buf(contents) >>> 0;
    const size = contents.byteLength;
    const common = [
      ...[0, 2], // flags, method and time: none, stored, none
      ...[0, 2],
      ...[0, 4],
      ...[checksum, 4],
      ...[size, 4],
      ...[size, 4],
      ...[name.byteLength, 2],
    ];
    const header = fields([0x04034b50, 4, 10, 2, ...common, EXTRA_HEADER_BYTES + padding, 2]);
    const extra = fields([PADDING_FIELD, 2, padding, 2]);
    const start = concat([header, name, extra, new Uint8Array(padding)]);
    this.#at += start.byteLength + size;
    if (this.#at > MAX_ARCHIVE_BYTES)
      throw new WeightsError('a .pth of more than 4 GB is not written here: use safetensors', {
        file: path,
        value: this.#at,
      });
    this.#entries.push(
      concat([
        fields([0x02014b50, 4, 10, 2, 10, 2, ...common, 0, 2, 0, 2, 0, 2, 0, 2, 0, 4, headerAt, 4]),
        name,
      ]),
    );
    yield start;
    yield contents;
  }

  directory(): Uint8Array {
    const entries = concat(this.#entries);
    const count = this.#entries.length;
    return concat([
      entries,
      fields([0x06054b50, 4, 0, 4, count, 2, count, 2, entries.byteLength, 4, this.#at, 4, 0, 2]),
    ]);
  }
}

/** Little-endian numbers: value, bytes, value, bytes, … */
function fields(list: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < list.length; i += 2)
    for (let shift = 0; shift < 8 * list[i + 1]!; shift += 8) bytes.push((list[i]! >>> shift) & 0xff);
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}
