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

/** Consecutive samples of a batch on the host: images and their masking plan. */
export type BatchPart = readonly HostValues[];

/**
 * Cut a batch into equal parts of consecutive samples.
 * @throws when it does not divide.
 */
export function cutBatch(batch: PretrainBatch, parts: number): BatchPart[] {
  const samples = batch.plan.mask.shape[0];
  if (samples % parts !== 0)
    throw new Error(
      `a batch of ${samples} images does not divide into ${parts} equal parts; choose a batch that is a multiple of ${parts}, or other threads`,
    );
  const memory = hostMemory(tf.backend());
  const tensors = entries<tf.Tensor>(batch);
  return Array.from({ length: parts }, (_, part) =>
    tensors.map(([path, tensor]) => {
      const all = memory.view(tensor) as Float32Array | Int32Array;
      // What bytes stand for is the same for all samples.
      if (path === 'levels') return { path, shape: tensor.shape, values: all.slice() };
      const size = tensor.size / parts;
      const values = all.slice(part * size, (part + 1) * size);
      return { path, shape: [samples / parts, ...tensor.shape.slice(1)], values };
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
