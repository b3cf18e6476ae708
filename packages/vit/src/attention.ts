import { attention, attentionProbabilities, type Linear, linear, linearPlus } from '@maehem/kernels';
import { fold, type Key } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { initLinear } from './linear.js';

/** Multi-head self-attention: qkv [3 * dim, dim] packed, proj [dim, dim]. */
export type Attention = { readonly qkv: Linear; readonly proj: Linear };

/** A fresh attention layer. */
export function initAttention(key: Key, dim: number): Attention {
  return { qkv: initLinear(fold(key, 'qkv'), dim, 3 * dim), proj: initLinear(fold(key, 'proj'), dim, dim) };
}

/** x [batch, token, dim] → [batch, token, dim], plus the residual of that shape if there is one. */
export function selfAttention(
  params: Attention,
  x: tf.Tensor3D,
  heads: number,
  residual?: tf.Tensor3D,
): tf.Tensor3D {
  const attended = attention(linear(params.qkv, x), heads);
  return residual === undefined ? linear(params.proj, attended) : linearPlus(params.proj, attended, residual);
}

/** The attention probabilities [batch, head, token, token] that {@link selfAttention} uses; no gradient. */
export function attentionMap(params: Attention, x: tf.Tensor3D, heads: number): tf.Tensor4D {
  return tf.tidy(() => attentionProbabilities(linear(params.qkv, x), heads));
}
