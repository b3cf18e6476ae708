import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';

/** The same entries under another shape; shares memory. */
export function reshape<T extends tf.Tensor>(x: tf.Tensor, shape: readonly number[]): T {
  return differentiable<T>(
    [x],
    () => ({ value: tf.reshape(x, [...shape]) as T, saved: [] }),
    (dy) => [tf.reshape(dy, x.shape)],
  );
}
