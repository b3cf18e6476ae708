import type { TokenIds } from '@maehem/kernels';
import { maskedMse, maskedNormPixMse } from '@maehem/losses';
import * as tf from '@tensorflow/tfjs-core';
import type { MaeConfig } from './config.js';
import { decode } from './decoder.js';
import { encode } from './encoder.js';
import type { Mae } from './params.js';

/** A masking plan on the device. */
export type DevicePlan = TokenIds & {
  /** [batch, token]: 1 where the patch was removed. */
  readonly mask: tf.Tensor2D;
};

/** What the loss compares, and where. */
export interface MaeObjective {
  /** Predict each patch less its mean over its deviation; the paper's better target (table 1d). */
  readonly normPix: boolean;
  /** Ablation (section 4.1, "Reconstruction target"): score visible patches too. */
  readonly lossOnAllPatches?: boolean;
}

/**
 * Predict the patches of masked images.
 * @param patches [batch, token, patch values]
 * @returns [batch, token, patch values]; in normalised units if trained with `normPix`
 */
export function reconstruct(
  params: Mae,
  config: MaeConfig,
  patches: tf.Tensor3D,
  ids: TokenIds,
): tf.Tensor3D {
  const latent = encode(params, patches, config, ids);
  const { decoderHeads: heads, normEps, recompute } = config;
  return decode(params, latent, { heads, normEps, recompute }, ids);
}

/**
 * The pretraining loss of a batch.
 * @param patches [batch, token, patch values]
 * @param target [batch, token, patch values], to predict something else than (normalised) pixels
 * @returns a scalar
 */
export function maeLoss(
  params: Mae,
  config: MaeConfig,
  patches: tf.Tensor3D,
  plan: DevicePlan,
  { normPix, lossOnAllPatches = false }: MaeObjective,
  target?: tf.Tensor3D,
): tf.Scalar {
  const prediction = reconstruct(params, config, patches, plan);
  const mask = lossOnAllPatches ? (tf.onesLike(plan.mask) as tf.Tensor2D) : plan.mask;
  if (target === undefined && normPix) return maskedNormPixMse(prediction, patches, mask);
  return maskedMse(prediction, target ?? patches, mask);
}
