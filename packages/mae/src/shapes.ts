import {
  blockShapes,
  linearShapes,
  normShapes,
  type ParameterShapes,
  patchValues,
  tokenCount,
  trunkShapes,
} from '@maehem/vit';
import type { MaeConfig } from './config.js';
import { isDecoder } from './params.js';

/** Names and shapes of all parameters of a masked autoencoder, from the configuration alone. */
export function maeShapes(config: MaeConfig): ParameterShapes {
  const { dim, decoderDim, decoderDepth, mlpRatio, encoderMaskTokens } = config;
  return {
    ...trunkShapes(config),
    ...normShapes('norm', dim),
    ...(encoderMaskTokens ? { encoder_mask_token: { shape: [1, 1, dim] } } : {}),
    ...linearShapes('decoder_embed', dim, decoderDim),
    ...(encoderMaskTokens ? {} : { mask_token: { shape: [1, 1, decoderDim] } }),
    decoder_pos_embed: { shape: [1, tokenCount(config) + 1, decoderDim] },
    ...blockShapes('decoder_blocks', decoderDepth, decoderDim, mlpRatio),
    ...normShapes('decoder_norm', decoderDim),
    ...linearShapes('decoder_pred', decoderDim, patchValues(config)),
  };
}

/** The part of {@link maeShapes} that survives pretraining. */
export function encoderShapes(config: MaeConfig): ParameterShapes {
  return Object.fromEntries(Object.entries(maeShapes(config)).filter(([path]) => !isDecoder(path)));
}
