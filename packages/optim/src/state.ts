import * as tf from '@tensorflow/tfjs-core';
import type { NamedTensors } from './optimizer.js';

/** Zeros beside every parameter. */
export function zerosLike(params: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(params).map(([path, param]) => [path, tf.zeros(param.shape)]));
}

/** The tensor of a path. @throws when there is none, naming the path. */
export function tensorAt(tensors: NamedTensors, path: string, what: string): tf.Tensor {
  const tensor = tensors[path];
  if (tensor === undefined) throw new Error(`optimizer: no ${what} for parameter ${path}`);
  return tensor;
}
