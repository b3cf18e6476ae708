import * as tf from '@tensorflow/tfjs-core';

/** x Φ(x), Φ the normal distribution function: the exact GELU (Hendrycks & Gimpel 2016), not its tanh form. */
export function geluReference(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}
