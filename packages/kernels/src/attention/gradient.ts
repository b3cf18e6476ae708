import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { mergeHeads, splitHeads } from './heads.js';
import type { AttentionGradInputs } from './inputs.js';
import { attentionBackwardWasm, attentionForwardWasm } from './wasm.js';

/** qkv [batch, token, 3 * width] → [out [batch, token, width], probabilities [batch, head, token, token]]. */
export const attentionForward: Kernel<{ qkv: tf.Tensor3D }, { heads: number }> = defineKernel({
  name: 'MaehemAttention',
  wasm: attentionForwardWasm,
  composite: ({ qkv }: { qkv: tf.Tensor3D }, { heads }) =>
    tf.tidy(() => {
      const [q, k, v] = splitHeads({ x: qkv }, { parts: 3, heads }) as [
        tf.Tensor4D,
        tf.Tensor4D,
        tf.Tensor4D,
      ];
      const scale = 1 / Math.sqrt(q.shape[3]);
      const probabilities = tf.softmax(tf.mul(tf.matMul(q, k, false, true), scale)) as tf.Tensor4D;
      return [
        ...mergeHeads({ part0: tf.matMul(probabilities, v), part1: undefined, part2: undefined }, {}),
        probabilities,
      ];
    }),
});

/** → [dqkv [batch, token, 3 * width]]. The softmax's gradient is P ∘ (dP - rowsum(dP ∘ P)). */
export const attentionBackward: Kernel<AttentionGradInputs, { heads: number }> = defineKernel({
  name: 'MaehemAttentionGrad',
  wasm: attentionBackwardWasm,
  composite: ({ dy, qkv, probabilities }: AttentionGradInputs, { heads }) =>
    tf.tidy(() => {
      const [q, k, v] = splitHeads({ x: qkv }, { parts: 3, heads }) as [
        tf.Tensor4D,
        tf.Tensor4D,
        tf.Tensor4D,
      ];
      const scale = 1 / Math.sqrt(q.shape[3]);
      const [dout] = splitHeads({ x: dy }, { parts: 1, heads }) as [tf.Tensor4D];
      const dv = tf.matMul(probabilities, dout, true, false) as tf.Tensor4D;
      const dp = tf.matMul(dout, v, false, true);
      const weighted = tf.mul(dp, probabilities);
      const ds = tf.mul(tf.sub(weighted, tf.mul(probabilities, tf.sum(weighted, -1, true))), scale);
      const dq = tf.matMul(ds, k) as tf.Tensor4D;
      const dk = tf.matMul(ds, q, true, false) as tf.Tensor4D;
      return mergeHeads({ part0: dq, part1: dk, part2: dv }, {});
    }),
});
