import type { ByteSource } from './byte-source.js';
import { bytesPerElement, elementCount, type HostTensor, hostTensor, type Named } from './host-tensor.js';
import { named } from './safetensors.js';
import {
  headerLength,
  LENGTH_BYTES,
  parseSafetensorsHeader,
  type SafetensorsHeader,
} from './safetensors-header.js';
import { lazyTensor, type TensorSource } from './tensor-source.js';
import { findStateDict } from './torch/state-dict.js';
import { isTorchStart, openTorchFile } from './torch/torch-file.js';
import { WeightsError } from './weights-error.js';

/** A small value that stands beside the weights. */
export type Note = string | number | boolean;

/** A file of weights of any format, its tensors under the names that the file gives them. */
export interface WeightsFile {
  /** What to call it in errors. */
  readonly name: string;
  readonly format: 'safetensors' | 'torch zip' | 'torch legacy' | 'sharded safetensors';
  /** Read when loaded: opening costs the header or the pickle alone. */
  readonly tensors: Named<TensorSource>;
  /** The safetensors file's own strings, or what a `.pth` has beside its weights: `epoch`, `args.model`, … */
  readonly notes: Named<Note>;
}

/** All tensors together may need so many times the bytes of the file: some are views of one storage. */
const MAX_SHARING = 4;

/**
 * Open safetensors or a file of `torch.save`, told apart by their first bytes, not by their name.
 * @param source of any size: `bytesSource`, `blobSource`, or a file of `@maehem/weights/node`
 * @throws WeightsError, or a kind of it, when it is neither, or broken.
 */
export async function openWeights(source: ByteSource): Promise<WeightsFile> {
  const start = await source.read(0, Math.min(LENGTH_BYTES, source.size));
  return isTorchStart(start) ? openTorch(source) : openSafetensorsSource(source);
}

/**
 * The header of a safetensors file of any size.
 * @throws SafetensorsError as `parseSafetensorsHeader` does.
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const { name, size } = source;
  const length = headerLength(await source.read(0, Math.min(LENGTH_BYTES, size)), size, name);
  return parseSafetensorsHeader(await source.read(0, LENGTH_BYTES + length), size, name);
}

async function openSafetensorsSource(source: ByteSource): Promise<WeightsFile> {
  const header = await readSafetensorsHeader(source);
  const tensors = [...header.tensors].map(([tensor, info]) => {
    const { begin, end, dtype, shape } = info;
    const load = async (): Promise<HostTensor> =>
      hostTensor({ dtype, shape }, (await source.read(begin, end)).buffer);
    return [tensor, lazyTensor(info, load)] as const;
  });
  return { name: source.name, format: 'safetensors', tensors: named(tensors), notes: header.metadata };
}

async function openTorch(source: ByteSource): Promise<WeightsFile> {
  const file = await openTorchFile(source);
  const { tensors, notes } = findStateDict(file.value, source.name);
  let bytes = 0;
  for (const { dtype, shape } of tensors.values())
    bytes += (elementCount(shape) ?? 0) * bytesPerElement(dtype);
  if (bytes > MAX_SHARING * source.size)
    throw new WeightsError(
      `its tensors share storages, and are more than ${MAX_SHARING} times as large as the file`,
      {
        file: source.name,
        value: bytes,
      },
    );
  return {
    name: source.name,
    format: file.format,
    tensors: named(
      [...tensors].map(
        ([name, tensor]) => [name, lazyTensor(tensor, () => file.read(tensor, name))] as const,
      ),
    ),
    notes: named(notes),
  };
}
