import type { TokenIds } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';

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

/**
 * Number of visible tokens, `int(tokens * (1 - ratio))` in float64, exactly as the reference computes it.
 * @throws when no token, or not a ratio in [0, 1), is left.
 */
export function keepCount(tokens: number, ratio: number): number {
  if (!(ratio >= 0 && ratio < 1)) throw new Error(`mask ratio must be in [0, 1), got ${ratio}`);
  const keep = Math.floor(tokens * (1 - ratio));
  if (keep < 1) throw new Error(`mask ratio ${ratio} hides all of ${tokens} patches; lower it, or use smaller patches`);
  return keep;
}

/** @throws when a ratio for training is not strictly between 0 and 1. */
export function assertMaskRatio(ratio: number): void {
  if (!(ratio > 0 && ratio < 1)) throw new Error(`mask ratio must lie strictly between 0 and 1, got ${ratio}; the paper uses 0.75`);
}

/** A plan from the shuffled order of tokens of each sample: the first `keep` stay visible. */
export function planFromOrders(orders: readonly ArrayLike<number>[], keep: number): MaskPlan {
  const batch = orders.length;
  const tokens = orders[0]?.length ?? 0;
  const idsKeep = new Int32Array(batch * keep);
  const idsRestore = new Int32Array(batch * tokens);
  const mask = new Float32Array(batch * tokens).fill(1);
  for (const [sample, order] of orders.entries())
    for (let place = 0; place < tokens; place++) {
      const token = order[place]!;
      idsRestore[sample * tokens + token] = place;
      if (place >= keep) continue;
      idsKeep[sample * keep + place] = token;
      mask[sample * tokens + token] = 0;
    }
  return { batch, tokens, keep, idsKeep, idsRestore, mask };
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
