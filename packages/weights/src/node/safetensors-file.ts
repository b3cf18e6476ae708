import { type HostTensor, hostTensor, type Named } from '../host-tensor.js';
import { checkedBytes, layoutSafetensors, named, type Safetensors } from '../safetensors.js';
import { SafetensorsError } from '../safetensors-error.js';
import type { SafetensorsHeader } from '../safetensors-header.js';
import type { TensorSource } from '../tensor-source.js';
import { readSafetensorsHeader } from '../weights-file.js';
import { openFileSource } from './file-source.js';
import { writeFileAtomic } from './write-file-atomic.js';

/** An open safetensors file: the header is in memory, tensors are read when asked for. */
export interface SafetensorsFile extends SafetensorsHeader {
  /**
   * Read one tensor.
   * @throws WeightsError when there is no such tensor, or the file has shrunk since it was opened.
   */
  readonly read: (name: string) => Promise<HostTensor>;
  readonly close: () => Promise<void>;
}

/**
 * Open a safetensors file of any size; only its header is read. Close it when done.
 * @throws SafetensorsError when the header is bad, the file system's error when the file can't be read.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const source = await openFileSource(path);
  try {
    const header = await readSafetensorsHeader(source);
    const read = async (name: string): Promise<HostTensor> => {
      const info = header.tensors.get(name);
      if (info === undefined)
        throw new SafetensorsError(`there is no such tensor among ${header.tensors.size}`, {
          file: path,
          tensor: name,
        });
      return hostTensor(
        { dtype: info.dtype, shape: info.shape },
        (await source.read(info.begin, info.end)).buffer,
      );
    };
    return { ...header, read, close: source.close };
  } catch (error) {
    await source.close();
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
