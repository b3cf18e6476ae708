import type { ByteSource } from '../byte-source.js';
import { bytesPerElement, elementCount, type HostTensor } from '../host-tensor.js';
import { type PickleHost, type PickleValue, unpickle } from '../pickle/pickle-machine.js';
import { TruncatedPickleError, WeightsError } from '../weights-error.js';
import { isObject, type TorchStorage, type TorchTensor, torchHost } from './torch-objects.js';
import { elementRange, gatherElements } from './torch-tensor.js';
import { readZipDirectory, type ZipDirectory, zipContentsStart } from './zip-directory.js';

/** A file of `torch.save`: what was saved, as inert data, and a way to the elements of its tensors. */
export interface TorchFile {
  readonly format: 'torch zip' | 'torch legacy';
  readonly value: PickleValue;
  /**
   * Read one tensor, in row-major order; only its own part of the file is read.
   * @throws WeightsError when it reaches beyond its storage, or its storage beyond the file.
   */
  readonly read: (tensor: TorchTensor, name: string) => Promise<HostTensor>;
}

/** Longest pickle: a state dict takes about 200 bytes per tensor. */
const MAX_PICKLE_BYTES = 2 ** 28;
/** An expanded view (stride 0) may need more memory than the file has bytes, so many times at most. */
const MAX_EXPANSION = 4;

/**
 * Open a file of `torch.save`: the zip format of PyTorch 1.6 and later, or the older one.
 * @throws WeightsError (PickleError, ZipError) when it is broken, of another kind, or holds anything that is not inert.
 */
export async function openTorchFile(source: ByteSource): Promise<TorchFile> {
  return isZip(await source.read(0, Math.min(4, source.size))) ? openZip(source) : openLegacy(source);
}

/** Is this the beginning of a file that `torch.save` wrote? A pickle begins with its protocol. */
export function isTorchStart(start: Uint8Array): boolean {
  return isZip(start) || (start[0] === 0x80 && start[1] !== undefined && start[1] >= 2 && start[1] <= 5);
}

function isZip(start: Uint8Array): boolean {
  return start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
}

/** Where the bytes of a storage are. */
type FindStorage = (
  storage: TorchStorage,
  name: string,
) => Promise<{ readonly begin: number; readonly bytes: number }>;

async function openZip(source: ByteSource): Promise<TorchFile> {
  const file = source.name;
  const directory = await readZipDirectory(source);
  const folder = archiveFolder(directory, file);
  const contents = async (name: string): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const entry = directory.get(folder + name);
    if (entry === undefined) return undefined;
    assertPickleSize(entry.size, file);
    const start = await zipContentsStart(source, entry);
    return source.read(start, start + entry.size);
  };
  const byteOrder = await contents('byteorder');
  if (byteOrder !== undefined && new TextDecoder().decode(byteOrder.subarray(0, 16)) !== 'little')
    throw new WeightsError('it was saved on a big-endian machine; load and save it again on another', {
      file,
    });
  const { value } = unpickle((await contents('data.pkl'))!, torchHost(file), file);
  const find: FindStorage = async ({ key }, tensor) => {
    const entry = directory.get(`${folder}data/${key}`);
    if (entry === undefined)
      throw new WeightsError(`the archive has no ${folder}data/${key}`, { file, tensor });
    return { begin: await zipContentsStart(source, entry), bytes: entry.size };
  };
  return { format: 'torch zip', value, read: reader(source, find) };
}

/** All files of an archive stand in one folder, named after the file that was saved. */
function archiveFolder(directory: ZipDirectory, file: string): string {
  for (const name of directory.keys()) {
    const match = /^([^/]*\/)data\.pkl$/.exec(name);
    if (match === null) continue;
    if (directory.has(`${match[1]}constants.pkl`))
      throw new WeightsError('it is a TorchScript program; save the state_dict of the module instead', {
        file,
      });
    return match[1]!;
  }
  throw new WeightsError('it is a zip archive, but not one that torch.save wrote: it has no data.pkl', {
    file,
  });
}

/** `torch.save`'s magic number in the legacy format. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
/** How much of a legacy file is read at first, and by what factor more when its pickles are longer. */
const FIRST_WINDOW = 2 ** 16;
const WINDOW_GROWTH = 4;
/** Each storage is preceded by its number of elements. */
const COUNT_BYTES = 8;

/**
 * The format before PyTorch 1.6: pickles of a magic number, a protocol version, facts of the machine, the value and the
 * list of storage keys; then the storages in the order of that list.
 */
async function openLegacy(source: ByteSource): Promise<TorchFile> {
  const file = source.name;
  const pickles = pickleSequence(source, torchHost(file));
  const magic = await pickles.next();
  if (magic !== MAGIC) throw new WeightsError('it is a pickle, but not one that torch.save wrote', { file });
  const protocol = await pickles.next();
  if (protocol !== LEGACY_PROTOCOL)
    throw new WeightsError(`of torch.save's older formats only ${LEGACY_PROTOCOL} is known`, {
      file,
      value: protocol,
    });
  const machine = await pickles.next();
  if (machine instanceof Map && machine.get('little_endian') === false)
    throw new WeightsError('it was saved on a big-endian machine; load and save it again on another', {
      file,
    });
  const storages = new Map<string, TorchStorage>();
  const value = await pickles.next(storages);
  const keys = await pickles.next();
  const places = await layOutStorages(source, pickles.at, keys, storages);
  const find: FindStorage = async ({ key }, tensor) => {
    const place = places.get(key);
    if (place === undefined) throw new WeightsError(`the file has no storage ${key}`, { file, tensor });
    return place;
  };
  return { format: 'torch legacy', value, read: reader(source, find) };
}

interface PickleSequence {
  /** Where the next pickle begins. */
  readonly at: number;
  /** The next pickle's value; the storages that it points at are added to `storages`. */
  readonly next: (storages?: Map<string, TorchStorage>) => Promise<PickleValue>;
}

/** Pickles one after the other. None says how long it is, so more of the file is read until each is whole. */
function pickleSequence(source: ByteSource, host: PickleHost): PickleSequence {
  let bytes = new Uint8Array(0);
  let at = 0;
  const next = async (storages?: Map<string, TorchStorage>): Promise<PickleValue> => {
    for (;;) {
      storages?.clear();
      try {
        const { value, length } = unpickle(bytes.subarray(at), collecting(host, storages), source.name);
        at += length;
        return value;
      } catch (error) {
        if (!(error instanceof TruncatedPickleError) || bytes.byteLength === source.size) throw error;
        const more = Math.max(FIRST_WINDOW, WINDOW_GROWTH * bytes.byteLength);
        assertPickleSize(more, source.name);
        bytes = await source.read(0, Math.min(source.size, more));
      }
    }
  };
  return {
    get at() {
      return at;
    },
    next,
  };
}

function collecting(host: PickleHost, storages: Map<string, TorchStorage> | undefined): PickleHost {
  if (storages === undefined) return host;
  return {
    ...host,
    persistent: (id) => {
      const storage = host.persistent(id) as TorchStorage;
      storages.set(storage.key, storage);
      return storage;
    },
  };
}

async function layOutStorages(
  source: ByteSource,
  start: number,
  keys: PickleValue,
  storages: ReadonlyMap<string, TorchStorage>,
): Promise<Map<string, { begin: number; bytes: number }>> {
  const file = source.name;
  const places = new Map<string, { begin: number; bytes: number }>();
  if (!Array.isArray(keys)) throw new WeightsError('its list of storages is no list', { file });
  let at = start;
  for (const key of keys) {
    const storage = storages.get(`${key}`);
    if (storage === undefined)
      throw new WeightsError('a storage in its list belongs to no tensor', { file, value: `${key}` });
    if (places.has(storage.key))
      throw new WeightsError('a storage stands twice in its list', { file, value: storage.key });
    const head = await source.read(at, at + COUNT_BYTES);
    const count = new DataView(head.buffer).getBigUint64(0, true);
    if (count !== BigInt(storage.length))
      throw new WeightsError(`storage ${storage.key} has ${storage.length} elements`, { file, value: count });
    const begin = at + COUNT_BYTES;
    const bytes = storageBytes(storage);
    if (begin + bytes > source.size)
      throw new WeightsError('a storage reaches beyond the file (truncated?)', { file, value: storage.key });
    places.set(storage.key, { begin, bytes });
    at = begin + bytes;
  }
  return places;
}

function storageBytes({ dtype, length }: TorchStorage): number {
  return length * (dtype === undefined ? 1 : bytesPerElement(dtype));
}

function reader(source: ByteSource, find: FindStorage): TorchFile['read'] {
  return async (tensor, name) => {
    const fail = (problem: string, value: unknown): never => {
      throw new WeightsError(problem, { file: source.name, tensor: name, value });
    };
    const place = await find(tensor.storage, name);
    const width = bytesPerElement(tensor.dtype);
    const range = elementRange(tensor);
    if (range === undefined || range.end * width > place.bytes)
      return fail(`it reaches beyond its storage of ${place.bytes} bytes`, { ...range, dtype: tensor.dtype });
    if (elementCount(tensor.shape)! * width > MAX_EXPANSION * source.size)
      return fail(
        `it is an expanded view, more than ${MAX_EXPANSION} times as large as the file`,
        tensor.shape,
      );
    return gatherElements(
      tensor,
      await source.read(place.begin + range.begin * width, place.begin + range.end * width),
    );
  };
}

function assertPickleSize(bytes: number, file: string): void {
  if (bytes > MAX_PICKLE_BYTES)
    throw new WeightsError(`a pickle of more than ${MAX_PICKLE_BYTES / 2 ** 20} MB describes no state dict`, {
      file,
      value: bytes,
    });
}

/** All tensors of a value, by key: of a state dict, or of the one that a checkpoint holds among other things. */
export function isTensor(value: PickleValue | undefined): value is TorchTensor {
  return isObject(value, 'tensor');
}
