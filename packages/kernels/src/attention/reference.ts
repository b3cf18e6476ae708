import * as tf from '@tensorflow/tfjs-core';

/**
 * softmax(Q Kᵀ / √d) V for each head (Vaswani et al. 2017), Q, K, V packed as the reference's `qkv` layer
 * packs them: [batch, token, 3 * heads * d], the axis of three outermost.
 */
export function attentionReference(qkv: tf.Tensor3D, heads: number): tf.Tensor3D {
  const [batch, tokens, packed] = qkv.shape;
  const width = packed / 3;
  const dim = width / heads;
  const split = tf.transpose(tf.reshape(qkv, [batch, tokens, 3 * heads, dim]), [0, 2, 1, 3]);
  const [q, k, v] = tf.split(split, 3, 1) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(dim));
  const out = tf.matMul(tf.softmax(scores), v);
  return tf.reshape(tf.transpose(out, [0, 2, 1, 3]), [batch, tokens, width]);
}
