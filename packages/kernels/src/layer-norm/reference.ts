import * as tf from '@tensorflow/tfjs-core';

/** y = (x - mean) / sqrt(var + eps) * weight + bias over the last axis, biased variance (Ba et al. 2016). */
export function layerNormReference(
  x: tf.Tensor,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  eps: number,
): tf.Tensor {
  const mean = tf.mean(x, -1, true);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, eps))), weight), bias);
}
