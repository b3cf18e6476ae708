import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';

type GradInputs = { dy: tf.Tensor3D; qkv: tf.Tensor3D; probabilities: tf.Tensor4D };

/** [batch, token, count * heads * dim] → [batch, count * heads, token, dim]. */
function headsFirst(x: tf.Tensor3D, groups: number): tf.Tensor4D {
  const [batch, tokens, width] = x.shape;
  return tf.transpose(tf.reshape(x, [batch, tokens, groups, width / groups]), [0, 2, 1, 3]);
}

/** [batch, groups, token, dim] → [batch, token, groups * dim]. */
function tokensFirst(x: tf.Tensor4D): tf.Tensor3D {
  const [batch, groups, tokens, dim] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, tokens, groups * dim]);
}

/** Packed qkv → q, k, v, each [batch, head, token, dim]. */
function unpack(qkv: tf.Tensor3D, heads: number): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
  const packed = headsFirst(qkv, 3 * heads);
  const [batch, , tokens, dim] = packed.shape;
  const part = (index: number) => tf.slice(packed, [0, index * heads, 0, 0], [batch, heads, tokens, dim]);
  return [part(0), part(1), part(2)];
}

/** qkv [batch, token, 3 * width] → [out [batch, token, width], probabilities [batch, head, token, token]]. */
export const attentionForward: Kernel<{ qkv: tf.Tensor3D }, { heads: number }> = defineKernel({
  name: 'MaehemAttention',
  composite: ({ qkv }: { qkv: tf.Tensor3D }, { heads }) =>
    tf.tidy(() => {
      const [q, k, v] = unpack(qkv, heads);
      const scale = 1 / Math.sqrt(q.shape[3]);
      const probabilities = tf.softmax(tf.mul(tf.matMul(q, k, false, true), scale)) as tf.Tensor4D;
      return [tokensFirst(tf.matMul(probabilities, v)), probabilities];
    }),
});

/** → [dqkv [batch, token, 3 * width]]. The softmax's gradient is P ∘ (dP - rowsum(dP ∘ P)). */
export const attentionBackward: Kernel<GradInputs, { heads: number }> = defineKernel({
  name: 'MaehemAttentionGrad',
  composite: ({ dy, qkv, probabilities }: GradInputs, { heads }) =>
    tf.tidy(() => {
      const [q, k, v] = unpack(qkv, heads);
      const scale = 1 / Math.sqrt(q.shape[3]);
      const dout = headsFirst(dy, heads);
      const dv = tf.matMul(probabilities, dout, true, false);
      const dp = tf.matMul(dout, v, false, true);
      const weighted = tf.mul(dp, probabilities);
      const ds = tf.mul(tf.sub(weighted, tf.mul(probabilities, tf.sum(weighted, -1, true))), scale);
      const dq = tf.matMul(ds, k);
      const dk = tf.matMul(ds, q, true, false);
      return [tokensFirst(tf.concat([dq, dk, dv], 1) as tf.Tensor4D)];
    }),
});
