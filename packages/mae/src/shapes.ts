import { patchValues, tokenCount } from '@maehem/vit';
import type { MaeConfig } from './config.js';
import { isDecoder } from './params.js';

/** A parameter's shape, by its path. */
export type ParameterShapes = { readonly [path: string]: { readonly shape: readonly number[] } };

type Shapes = Record<string, { shape: number[] }>;

/** Names and shapes of all parameters of a masked autoencoder, from the configuration alone. */
export function maeShapes(config: MaeConfig): ParameterShapes {
  const { dim, depth, decoderDim, decoderDepth, mlpRatio, channels, patchSize, encoderMaskTokens } = config;
  const positions = tokenCount(config) + 1;
  return {
    cls_token: { shape: [1, 1, dim] },
    pos_embed: { shape: [1, positions, dim] },
    'patch_embed.proj.weight': { shape: [dim, channels, ...patchSize] },
    'patch_embed.proj.bias': { shape: [dim] },
    ...blockShapes('blocks', depth, dim, mlpRatio),
    ...normShapes('norm', dim),
    ...(encoderMaskTokens ? { encoder_mask_token: { shape: [1, 1, dim] } } : {}),
    ...linearShapes('decoder_embed', dim, decoderDim),
    ...(encoderMaskTokens ? {} : { mask_token: { shape: [1, 1, decoderDim] } }),
    decoder_pos_embed: { shape: [1, positions, decoderDim] },
    ...blockShapes('decoder_blocks', decoderDepth, decoderDim, mlpRatio),
    ...normShapes('decoder_norm', decoderDim),
    ...linearShapes('decoder_pred', decoderDim, patchValues(config)),
  };
}

/** The part of {@link maeShapes} that survives pretraining. */
export function encoderShapes(config: MaeConfig): ParameterShapes {
  return Object.fromEntries(Object.entries(maeShapes(config)).filter(([path]) => !isDecoder(path)));
}

function linearShapes(path: string, inputs: number, outputs: number): Shapes {
  return { [`${path}.weight`]: { shape: [outputs, inputs] }, [`${path}.bias`]: { shape: [outputs] } };
}

function normShapes(path: string, features: number): Shapes {
  return { [`${path}.weight`]: { shape: [features] }, [`${path}.bias`]: { shape: [features] } };
}

function blockShapes(path: string, depth: number, dim: number, mlpRatio: number): Shapes {
  const hidden = Math.round(dim * mlpRatio);
  const all = Array.from({ length: depth }, (_, index) => ({
    ...normShapes(`${path}.${index}.norm1`, dim),
    ...linearShapes(`${path}.${index}.attn.qkv`, dim, 3 * dim),
    ...linearShapes(`${path}.${index}.attn.proj`, dim, dim),
    ...normShapes(`${path}.${index}.norm2`, dim),
    ...linearShapes(`${path}.${index}.mlp.fc1`, dim, hidden),
    ...linearShapes(`${path}.${index}.mlp.fc2`, hidden, dim),
  }));
  return Object.assign({}, ...all) as Shapes;
}
