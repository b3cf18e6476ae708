import { type Key, normal, uniform } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Glorot & Bengio 2010: uniform in ±√(6 / (in + out)). The reference MAE starts all linear layers so, the
 * patch embedding too, seen as a matrix [out, in].
 */
export function xavierUniform(key: Key, shape: readonly number[]): tf.Tensor {
  const [fanOut, ...rest] = shape as [number, ...number[]];
  const fanIn = rest.reduce((product, n) => product * n, 1);
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return tf.tensor(uniform(key, fanOut * fanIn, -bound, bound), [...shape]);
}

/** Normal with the given deviation; the reference uses 0.02 for tokens. */
export function normalInit<T extends tf.Tensor>(key: Key, shape: readonly number[], std: number): T {
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(normal(key, size, 0, std), [...shape]) as T;
}
