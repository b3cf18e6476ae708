import { add, attentionBranch, type LayerNorm, mlpBranch } from '@maehem/kernels';
import { fold, type Key } from '@maehem/random';
import type * as tf from '@tensorflow/tfjs-core';
import { type Attention, initAttention } from './attention.js';
import { dropPath } from './drop-path.js';
import { initLayerNorm } from './linear.js';
import { initMlp, type Mlp } from './mlp.js';

/** A pre-norm transformer block (Dosovitskiy et al. 2020). */
export type Block = {
  readonly norm1: LayerNorm;
  readonly attn: Attention;
  readonly norm2: LayerNorm;
  readonly mlp: Mlp;
};

/** A fresh block with an MLP of `mlpRatio` times the width. */
export function initBlock(key: Key, dim: number, mlpRatio = 4): Block {
  return {
    norm1: initLayerNorm(dim),
    attn: initAttention(fold(key, 'attn'), dim),
    norm2: initLayerNorm(dim),
    mlp: initMlp(fold(key, 'mlp'), dim, Math.round(dim * mlpRatio)),
  };
}

/** What the parameters of a block do not tell. */
export interface BlockShape {
  readonly heads: number;
  /** Epsilon of the layer norms; 1e-6, the reference's, unless said otherwise. */
  readonly normEps?: number | undefined;
  /**
   * How many blocks there are to one whose activations are computed again in the backward pass instead of being kept:
   * 1 for all, 2 for every second one, starting with the first; 0, or nothing, for none. Memory against time: a block
   * keeps its input alone, and costs a third more of its arithmetic. Values and gradients are the same.
   */
  readonly recompute?: number | undefined;
}

/** Stochastic depth for one block: the factors, and which block it is. */
export interface BlockDropPath {
  readonly factors: tf.Tensor2D;
  readonly block: number;
}

/** x [batch, token, dim] → [batch, token, dim]. */
export function block(params: Block, x: tf.Tensor3D, shape: BlockShape, drop?: BlockDropPath): tf.Tensor3D {
  const { heads, normEps: eps } = shape;
  const attention = { norm: params.norm1, first: params.attn.qkv, second: params.attn.proj };
  const mlp = { norm: params.norm2, first: params.mlp.fc1, second: params.mlp.fc2 };
  if (drop === undefined) return mlpBranch(mlp, attentionBranch(attention, x, heads, { eps }), { eps });
  const alone = { eps, residual: false };
  const dropped = (value: tf.Tensor3D, index: number): tf.Tensor3D =>
    dropPath(value, drop.factors, drop.block * 2 + index);
  const attended = add(x, dropped(attentionBranch(attention, x, heads, alone), 0));
  return add(attended, dropped(mlpBranch(mlp, attended, alone), 1));
}
