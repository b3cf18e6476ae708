import { type FileHandle, open } from 'node:fs/promises';
import { type HostTensor, hostTensor, type Named } from '../host-tensor.js';
import { checkedBytes, layoutSafetensors, named, type Safetensors } from '../safetensors.js';
import { SafetensorsError } from '../safetensors-error.js';
import {
  headerLength,
  LENGTH_BYTES,
  parseSafetensorsHeader,
  type SafetensorsHeader,
} from '../safetensors-header.js';
import type { TensorSource } from '../tensor-source.js';
import { writeFileAtomic } from './write-file-atomic.js';

/** One read call takes less than 2^31 bytes. */
const MAX_READ_BYTES = 2 ** 30;

/** An open safetensors file: the header is in memory, tensors are read when asked for. */
export interface SafetensorsFile extends SafetensorsHeader {
  /**
   * Read one tensor.
   * @throws SafetensorsError when there is no such tensor, or the file has shrunk since it was opened.
   */
  readonly read: (name: string) => Promise<HostTensor>;
  readonly close: () => Promise<void>;
}

/**
 * Open a safetensors file of any size; only its header is read. Close it when done.
 * @throws SafetensorsError when the header is bad, the file system's error when the file can't be read.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const handle = await open(path, 'r');
  try {
    const header = await readHeader(handle, path);
    return {
      ...header,
      read: (name) => readTensor(handle, header, name, path),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Read a whole safetensors file; each tensor has a buffer of its own, so the file may exceed 2 GB.
 * @throws as `openSafetensors` does.
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await openSafetensors(path);
  try {
    const read: [string, HostTensor][] = [];
    for (const name of file.tensors.keys()) read.push([name, await file.read(name)]);
    return { tensors: named(read), metadata: file.metadata };
  } finally {
    await file.close();
  }
}

async function readHeader(handle: FileHandle, path: string): Promise<SafetensorsHeader> {
  const stat = await handle.stat();
  if (!stat.isFile()) throw new SafetensorsError('it is not a file', { file: path });
  const size = stat.size;
  const first = await readRange(handle, 0, Math.min(LENGTH_BYTES, size), path);
  const bytes = await readRange(handle, 0, LENGTH_BYTES + headerLength(first, size, path), path);
  return parseSafetensorsHeader(bytes, size, path);
}

async function readTensor(
  handle: FileHandle,
  { tensors }: SafetensorsHeader,
  name: string,
  path: string,
): Promise<HostTensor> {
  const info = tensors.get(name);
  if (!info)
    throw new SafetensorsError(`there is no such tensor among ${tensors.size}`, { file: path, tensor: name });
  const { dtype, shape, begin, end } = info;
  return hostTensor({ dtype, shape }, (await readRange(handle, begin, end, path)).buffer);
}

async function readRange(
  handle: FileHandle,
  begin: number,
  end: number,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  let at = 0;
  while (at < bytes.byteLength) {
    const length = Math.min(bytes.byteLength - at, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(bytes, at, length, begin + at);
    if (bytesRead === 0)
      throw new SafetensorsError(`the file ended before byte ${end}`, { file, value: begin + at });
    at += bytesRead;
  }
  return bytes;
}

/**
 * Write a safetensors file tensor by tensor, atomically (see `writeFileAtomic`).
 * @throws SafetensorsError as `encodeSafetensors` does, the file system's error when it can't be written;
 *   a previous file at `path` is then intact.
 */
export async function writeSafetensors(
  path: string,
  tensors: Named<TensorSource>,
  metadata: Named<string> = {},
): Promise<void> {
  const { start, order } = layoutSafetensors(tensors, metadata, path);
  await writeFileAtomic(path, chunks());

  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield start;
    for (const name of order) {
      const source = tensors[name]!;
      yield checkedBytes(await fetched(source, name, path), name, path);
    }
  }
}

async function fetched(source: TensorSource, name: string, file: string): Promise<HostTensor> {
  if ('data' in source) return source;
  const tensor = await source.load();
  if (tensor.dtype !== source.dtype || String(tensor.shape) !== String(source.shape))
    throw new SafetensorsError(`loading gave another tensor than ${source.dtype} [${source.shape}]`, {
      file,
      tensor: name,
      value: `${tensor.dtype} [${tensor.shape}]`,
    });
  return tensor;
}
