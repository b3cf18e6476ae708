import {
  blocksFlops,
  blocksParameters,
  encoderFlops,
  encoderParameters,
  patchValues,
  tokenCount,
} from '@maehem/vit';
import type { MaeConfig } from './config.js';

/** Parameters of a masked autoencoder. */
export interface MaeParameters {
  /** With the two fixed position embeddings. */
  readonly total: number;
  readonly trainable: number;
  /** The trainable part that survives pretraining. */
  readonly encoder: number;
}

/** Count parameters from the configuration alone. */
export function maeParameters(config: MaeConfig): MaeParameters {
  const { dim, decoderDim, decoderDepth, mlpRatio, encoderMaskTokens } = config;
  const positions = tokenCount(config) + 1;
  const encoder = encoderParameters(config) + (encoderMaskTokens ? dim : 0);
  const embed = dim * decoderDim + decoderDim;
  const blocks = blocksParameters(decoderDepth, decoderDim, mlpRatio);
  const head = 2 * decoderDim + (decoderDim + 1) * patchValues(config);
  const trainable = encoder + embed + (encoderMaskTokens ? 0 : decoderDim) + blocks + head;
  return { total: trainable + positions * (dim + decoderDim), trainable, encoder };
}

/** FLOPs of one forward pass on one image; a training step is about three times as many. */
export function maeFlops(config: MaeConfig, keep: number): { encoder: number; decoder: number } {
  const { dim, decoderDim, decoderDepth, mlpRatio } = config;
  const tokens = tokenCount(config);
  const encoded = config.encoderMaskTokens ? tokens : keep;
  const decoder =
    2 * (encoded + 1) * dim * decoderDim +
    blocksFlops(decoderDepth, decoderDim, mlpRatio, tokens + 1) +
    2 * tokens * decoderDim * patchValues(config);
  return { encoder: encoderFlops(config, encoded), decoder };
}
