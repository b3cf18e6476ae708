import type { TokenIds } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import type { GridShape } from './grid.js';

/**
 * Which patches are hidden, for a batch, on the host. Computed from a key and passed to the model as data:
 * the model is deterministic, and the same plan gives the same loss on every backend.
 */
export interface MaskPlan {
  readonly batch: number;
  readonly tokens: number;
  /** How many tokens of each sample stay visible: the same for all, so that shapes are static. */
  readonly keep: number;
  /** [batch, keep]: the visible tokens, in the order in which the encoder sees them. */
  readonly idsKeep: Int32Array;
  /** [batch, token]: the place of each token in the shuffled order; visible when below `keep`. */
  readonly idsRestore: Int32Array;
  /** [batch, token]: 0 visible, 1 removed. */
  readonly mask: Float32Array;
}

/** A grid of patches for each image of a batch, and what fraction of it to hide. */
export interface GridMaskingOptions {
  readonly batch: number;
  /** [rows, columns] of patches. */
  readonly grid: GridShape;
  /** Fraction of the patches that is removed, in [0, 1). */
  readonly ratio: number;
}

/**
 * Number of visible tokens, `int(tokens * (1 - ratio))` in float64, exactly as the reference computes it.
 * (0.9 of 10 patches leaves none: 1 - 0.9 lies below 0.1.)
 * @throws when the ratio is not in [0, 1), or no token would stay visible.
 */
export function keepCount(tokens: number, ratio: number): number {
  if (!Number.isInteger(tokens) || tokens < 1)
    throw new Error(`masking needs a positive whole number of patches, got ${tokens}`);
  if (!(ratio >= 0 && ratio < 1)) throw new Error(`mask ratio must be in [0, 1), got ${ratio}`);
  const keep = Math.floor(tokens * (1 - ratio));
  if (keep < 1)
    throw new Error(`mask ratio ${ratio} hides all of ${tokens} patches; lower it, or use smaller patches`);
  return keep;
}

/** @throws when a ratio for training is not strictly between 0 and 1. */
export function assertMaskRatio(ratio: number): void {
  if (!(ratio > 0 && ratio < 1))
    throw new Error(`mask ratio must lie strictly between 0 and 1, got ${ratio}; the paper uses 0.75`);
}

/**
 * A plan from an order of tokens for each sample: the first `keep` stay visible.
 * @param orders for each sample, every token once
 * @throws when there is no sample, samples differ in length, or an order is not a permutation.
 */
export function planFromOrders(orders: readonly ArrayLike<number>[], keep: number): MaskPlan {
  const batch = orders.length;
  const tokens = orders[0]?.length ?? 0;
  if (batch === 0 || tokens === 0) throw new Error('a masking plan needs at least one sample of one token');
  if (!Number.isInteger(keep) || keep < 1 || keep > tokens)
    throw new Error(`a masking plan keeps between 1 and ${tokens} tokens, got ${keep}`);
  const idsKeep = new Int32Array(batch * keep);
  const idsRestore = new Int32Array(batch * tokens).fill(-1);
  const mask = new Float32Array(batch * tokens).fill(1);
  for (const [sample, order] of orders.entries()) {
    const restore = idsRestore.subarray(sample * tokens, (sample + 1) * tokens);
    for (let place = 0; place < tokens; place++) restore[order[place]!] = place;
    if (order.length !== tokens || restore.includes(-1))
      throw new Error(
        `masking plan: the order of sample ${sample} does not hold each of ${tokens} tokens once`,
      );
    for (let place = 0; place < keep; place++) {
      idsKeep[sample * keep + place] = order[place]!;
      mask[sample * tokens + order[place]!] = 0;
    }
  }
  return { batch, tokens, keep, idsKeep, idsRestore, mask };
}

/**
 * A plan from flags: visible tokens in ascending order, then the hidden ones.
 * @param hidden for each sample, [token]: 1 where the token is removed
 */
export function planFromHidden(hidden: readonly Uint8Array[], keep: number): MaskPlan {
  const orders = hidden.map((flags) => {
    const tokens = Array.from(flags.keys());
    return [...tokens.filter((token) => flags[token] === 0), ...tokens.filter((token) => flags[token] !== 0)];
  });
  return planFromOrders(orders, keep);
}

/** The plan that hides nothing and keeps the order: for features, probes and fine-tuning. */
export function unmaskedPlan({
  batch,
  tokens,
}: {
  readonly batch: number;
  readonly tokens: number;
}): MaskPlan {
  const order = Array.from({ length: tokens }, (_, token) => token);
  return planFromOrders(
    Array.from({ length: batch }, () => order),
    tokens,
  );
}

/** A plan's tensors on the current backend. The caller disposes them. */
export function uploadPlan(plan: MaskPlan): TokenIds & { readonly mask: tf.Tensor2D } {
  const { batch, tokens, keep, idsKeep, idsRestore, mask } = plan;
  return {
    idsKeep: tf.tensor2d(idsKeep, [batch, keep], 'int32'),
    idsRestore: tf.tensor2d(idsRestore, [batch, tokens], 'int32'),
    mask: tf.tensor2d(mask, [batch, tokens]),
  };
}
