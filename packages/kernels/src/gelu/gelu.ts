import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';
import { geluForward } from './gradient.js';

/** The exact Gaussian error linear unit, entry by entry: x Φ(x). */
export function gelu<T extends tf.Tensor>(x: T): T {
  return differentiable<T>(
    [x],
    () => {
      const [y, derivative] = geluForward({ x }, {}) as [T, T];
      return { value: y, saved: [derivative] };
    },
    (dy, [derivative]) => [tf.mul(dy, derivative!)],
  );
}
