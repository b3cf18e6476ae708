import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';

/**
 * a + b: a residual connection, or a position embedding.
 * @param b the shape of a, or 1 in the axes over which it is repeated (same rank).
 */
export function add<T extends tf.Tensor>(a: T, b: tf.Tensor): T {
  const repeated = a.shape.flatMap((size, axis) => (b.shape[axis] === size ? [] : [axis]));
  if (a.rank !== b.rank || repeated.some((axis) => b.shape[axis] !== 1))
    throw new Error(`add: [${b.shape}] does not spread over [${a.shape}]`);
  return differentiable<T>(
    [a, b],
    () => ({ value: tf.add(a, b) as T, saved: [] }),
    (dy) => [
      () => tf.clone(dy),
      // A position embedding is fixed, as a rule.
      () => (repeated.length === 0 ? tf.clone(dy) : tf.sum(dy, repeated, true)),
    ],
  );
}
