import { hostMemory } from '@maehem/backend';
import { entries, fromEntries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import type { PretrainBatch } from '../pretrain-task.js';

/** A tensor's values outside any engine, by its path in the tree that it belongs to. */
export interface HostValues {
  readonly path: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

/** Consecutive samples of a batch on the host: patches and their masking plan. */
export type BatchPart = readonly HostValues[];

/**
 * Cut a batch into equal parts of consecutive samples.
 * @throws when it does not divide.
 */
export function cutBatch(batch: PretrainBatch, parts: number): BatchPart[] {
  const samples = batch.patches.shape[0];
  if (samples % parts !== 0)
    throw new Error(
      `a batch of ${samples} images does not divide into ${parts} equal parts; choose a batch that is a multiple of ${parts}, or other threads`,
    );
  const memory = hostMemory(tf.backend());
  const tensors = entries<tf.Tensor>(batch);
  return Array.from({ length: parts }, (_, part) =>
    tensors.map(([path, tensor]) => {
      const size = tensor.size / parts;
      const values = memory.view(tensor).slice(part * size, (part + 1) * size);
      const shape = [samples / parts, ...tensor.shape.slice(1)];
      return { path, shape, values: values as Float32Array | Int32Array };
    }),
  );
}

/** Tensors of values, in the tree that their paths tell. */
export function uploadValues<T>(list: readonly HostValues[]): T {
  return fromEntries(
    list.map(({ path, shape, values }) => {
      const dtype = values instanceof Int32Array ? 'int32' : 'float32';
      return [path, tf.tensor(values, [...shape], dtype)] as const;
    }),
  ) as T;
}
