import * as tf from '@tensorflow/tfjs-core';

/** y = x Wᵀ + b. The spec: x [..., in], weight [out, in], bias [out], y [..., out]. */
export function linearReference(x: tf.Tensor, weight: tf.Tensor2D, bias: tf.Tensor1D): tf.Tensor {
  const [out, features] = weight.shape;
  const rows = tf.reshape(x, [x.size / features, features]) as tf.Tensor2D;
  const y = tf.add(tf.matMul(rows, weight, false, true), bias);
  return tf.reshape(y, [...x.shape.slice(0, -1), out]);
}
