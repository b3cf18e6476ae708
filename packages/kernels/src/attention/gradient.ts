import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { mergeHeads, splitHeads } from './heads.js';
import type { AttentionGradInputs } from './inputs.js';
import { attentionBackwardTensorFlow, attentionForwardTensorFlow } from './tensorflow.js';
import { attentionBackwardWasm, attentionForwardWasm } from './wasm.js';
import { attentionBackwardWebGpu, attentionForwardWebGpu, flashAttentionTakes } from './webgpu.js';

/**
 * qkv [batch, token, 3 * width] → [out [batch, token, width], softmax].
 * `softmax` is what this engine's backward pass wants to know of the softmax: the probabilities
 * [batch, head, token, token], or, where the backward pass computes them again, the logarithms of the
 * softmax's denominators [batch, head, token].
 */
export const attentionForward: Kernel<{ qkv: tf.Tensor3D }, { heads: number }> = defineKernel({
  name: 'MaehemAttention',
  tensorflow: attentionForwardTensorFlow,
  wasm: attentionForwardWasm,
  webgpu: attentionForwardWebGpu,
  webgpuTakes: flashAttentionTakes,
  composite: ({ qkv }: { qkv: tf.Tensor3D }, { heads }) =>
    tf.tidy(() => {
      const [q, k, v] = splitQkv(qkv, heads);
      const probabilities = softmaxOfScores(q, k);
      return [
        ...mergeHeads({ part0: tf.matMul(probabilities, v), part1: undefined, part2: undefined }, {}),
        probabilities,
      ];
    }),
});

/** → [dqkv [batch, token, 3 * width]]. The softmax's gradient is P ∘ (dP - rowsum(dP ∘ P)). */
export const attentionBackward: Kernel<AttentionGradInputs, { heads: number }> = defineKernel({
  name: 'MaehemAttentionGrad',
  tensorflow: attentionBackwardTensorFlow,
  wasm: attentionBackwardWasm,
  webgpu: attentionBackwardWebGpu,
  webgpuTakes: flashAttentionTakes,
  composite: ({ dy, qkv, softmax }: AttentionGradInputs, { heads }) =>
    tf.tidy(() => {
      const probabilities = softmax as tf.Tensor4D;
      const [q, k, v] = splitQkv(qkv, heads);
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

/** Attention probabilities alone, [batch, head, token, token], for looking at; no gradient. */
export function attentionProbabilities(qkv: tf.Tensor3D, heads: number): tf.Tensor4D {
  return tf.tidy(() => {
    const [q, k] = splitQkv(qkv, heads);
    return softmaxOfScores(q, k);
  });
}

function splitQkv(qkv: tf.Tensor3D, heads: number): [q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D] {
  return splitHeads({ x: qkv }, { parts: 3, heads }) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
}

/** q, k [batch, head, token, dim] → softmax(q kᵀ / √dim) [batch, head, token, token]. */
function softmaxOfScores(q: tf.Tensor4D, k: tf.Tensor4D): tf.Tensor4D {
  return tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape[3])));
}
