import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';

/**
 * Mean over tokens: global average pooling.
 * @param x [batch, token, dim]
 * @returns [batch, dim]
 */
export function meanTokens(x: tf.Tensor3D): tf.Tensor2D {
  const [batch, tokens, dim] = x.shape;
  return differentiable<tf.Tensor2D>(
    [x],
    () => ({ value: tf.mean(x, 1) as tf.Tensor2D, saved: [] }),
    (dy) => [
      tf.tidy(() => tf.add(tf.reshape(tf.div(dy, tokens), [batch, 1, dim]), tf.zeros([batch, tokens, dim]))),
    ],
  );
}
