import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';

/**
 * Multiply each sample by its own factor, as drop path does.
 * @param x [batch, token, dim]
 * @param factors [batch]; data, no gradient.
 */
export function scaleSamples(x: tf.Tensor3D, factors: tf.Tensor1D): tf.Tensor3D {
  const scale = (tensor: tf.Tensor, by: tf.Tensor): tf.Tensor3D =>
    tf.tidy(() => tf.mul(tensor, tf.reshape(by, [x.shape[0], 1, 1])));
  return differentiable<tf.Tensor3D>(
    [x],
    () => ({ value: scale(x, factors), saved: [factors] }),
    (dy, [kept]) => [scale(dy, kept!)],
  );
}
