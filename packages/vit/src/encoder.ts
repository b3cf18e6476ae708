import { recomputed } from '@maehem/backend';
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
  return blocks.reduce((tokens, params, index) => {
    const forward = (inputs: BlockInputs, { factors }: { factors: tf.Tensor2D | undefined }): tf.Tensor3D =>
      block(inputs.params, inputs.tokens, shape, factors && { factors, block: index });
    const data = { factors: dropPathFactors };
    return isRecomputed(index, shape.recompute)
      ? recomputed(forward, { params, tokens }, data)
      : forward({ params, tokens }, data);
  }, x);
}

type BlockInputs = { readonly params: Block; readonly tokens: tf.Tensor3D };

/** @throws when `every` is no number of blocks. */
function isRecomputed(index: number, every = 0): boolean {
  if (!Number.isInteger(every) || every < 0)
    throw new Error(`recompute must be 0 for no block, 1 for every one, 2 for every second …, got ${every}`);
  return every > 0 && index % every === 0;
}
