import { fold, type Key, uniform } from '@maehem/random';
import { keepCount, type MaskPlan, planFromOrders } from './mask-plan.js';

/** How many tokens of how many samples, and what fraction of them to hide. */
export interface MaskingOptions {
  readonly batch: number;
  readonly tokens: number;
  readonly ratio: number;
}

/**
 * Random masking (He et al. 2021, section 3, "Masking"): uniform without replacement, each sample by itself.
 * The reference's way, argsort of uniform noise.
 */
export function randomMasking(key: Key, { batch, tokens, ratio }: MaskingOptions): MaskPlan {
  const orders = Array.from({ length: batch }, (_, sample) => argsort(uniform(fold(key, sample), tokens)));
  return planFromOrders(orders, keepCount(tokens, ratio));
}

/**
 * Random masking from given noise: in each sample the tokens of the lowest noise stay visible, ties by
 * their order.
 * @param noise [batch, token]
 * @throws when the noise does not have batch * tokens entries, or one is NaN.
 */
export function maskingFromNoise(noise: Float32Array, { batch, tokens, ratio }: MaskingOptions): MaskPlan {
  if (noise.length !== batch * tokens)
    throw new Error(`masking noise has ${noise.length} entries, expected ${batch} x ${tokens}`);
  if (noise.some(Number.isNaN)) throw new Error('masking noise holds NaN: its order is undefined');
  const orders = Array.from({ length: batch }, (_, sample) =>
    argsort(noise.subarray(sample * tokens, (sample + 1) * tokens)),
  );
  return planFromOrders(orders, keepCount(tokens, ratio));
}

/** Indices that sort the values upwards; stable. */
function argsort(values: Float32Array): number[] {
  return Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
}
