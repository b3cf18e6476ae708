import type { Key } from '@maehem/random';
import { fold } from '@maehem/random';
import type * as tf from '@tensorflow/tfjs-core';
import { type Block, type BlockShape, block, initBlock } from './block.js';

/** A stack of `depth` fresh blocks. */
export function initBlocks(key: Key, depth: number, dim: number, mlpRatio: number): Block[] {
  return Array.from({ length: depth }, (_, index) => initBlock(fold(key, index), dim, mlpRatio));
}

/**
 * The transformer trunk: all blocks in order, without the last norm.
 * @param x [batch, token, dim]
 * @param dropPathFactors [depth * 2, batch], to train with stochastic depth
 * @returns [batch, token, dim]
 */
export function transformer(
  blocks: readonly Block[],
  x: tf.Tensor3D,
  shape: BlockShape,
  dropPathFactors?: tf.Tensor2D,
): tf.Tensor3D {
  return blocks.reduce(
    (tokens, params, index) =>
      block(params, tokens, shape, dropPathFactors && { factors: dropPathFactors, block: index }),
    x,
  );
}
