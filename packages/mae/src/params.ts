import type { Trainable } from '@maehem/backend';
import type { LayerNorm, Linear } from '@maehem/kernels';
import { fold, type Key } from '@maehem/random';
import {
  type Block,
  initBlocks,
  initLayerNorm,
  initLinear,
  initPatchEmbed,
  initPositionEmbedding,
  normalInit,
  type PatchEmbed,
  patchValues,
} from '@maehem/vit';
import type * as tf from '@tensorflow/tfjs-core';
import { assertMaeConfig, type MaeConfig } from './config.js';

/** The encoder's parameters, under the names of the reference checkpoint. */
export type MaeEncoder = {
  /** [1, 1, dim] */
  readonly cls_token: tf.Tensor3D;
  /** [1, 1 + token, dim], fixed sin-cos. */
  readonly pos_embed: tf.Tensor3D;
  readonly patch_embed: PatchEmbed;
  readonly blocks: readonly Block[];
  readonly norm: LayerNorm;
  /** [1, 1, dim]: only in the ablation with mask tokens in the encoder. */
  readonly encoder_mask_token?: tf.Tensor3D;
};

/** The decoder's parameters, under the names of the reference checkpoint. */
export type MaeDecoder = {
  readonly decoder_embed: Linear;
  /** [1, 1, decoderDim]: the one vector that stands for every hidden patch. */
  readonly mask_token?: tf.Tensor3D;
  /** [1, 1 + token, decoderDim], fixed sin-cos. */
  readonly decoder_pos_embed: tf.Tensor3D;
  readonly decoder_blocks: readonly Block[];
  readonly decoder_norm: LayerNorm;
  /** [patch values, decoderDim] */
  readonly decoder_pred: Linear;
};

/** All parameters of a masked autoencoder. */
export type Mae = MaeEncoder & MaeDecoder;

/** Fresh parameters, started as the reference starts them. */
export function initMae(key: Key, config: MaeConfig): Mae {
  assertMaeConfig(config);
  return { ...initEncoder(key, config), ...initDecoder(key, config) };
}

function initEncoder(key: Key, config: MaeConfig): MaeEncoder {
  const { dim, depth, mlpRatio, patchSize, channels, encoderMaskTokens } = config;
  return {
    cls_token: normalInit(fold(key, 'cls_token'), [1, 1, dim], 0.02),
    pos_embed: initPositionEmbedding(config, dim),
    patch_embed: initPatchEmbed(fold(key, 'patch_embed'), patchSize, channels, dim),
    blocks: initBlocks(fold(key, 'blocks'), depth, dim, mlpRatio),
    norm: initLayerNorm(dim),
    ...(encoderMaskTokens
      ? { encoder_mask_token: normalInit<tf.Tensor3D>(fold(key, 'encoder_mask_token'), [1, 1, dim], 0.02) }
      : {}),
  };
}

function initDecoder(key: Key, config: MaeConfig): MaeDecoder {
  const { dim, decoderDim, decoderDepth, mlpRatio, encoderMaskTokens } = config;
  return {
    decoder_embed: initLinear(fold(key, 'decoder_embed'), dim, decoderDim),
    ...(encoderMaskTokens
      ? {}
      : { mask_token: normalInit<tf.Tensor3D>(fold(key, 'mask_token'), [1, 1, decoderDim], 0.02) }),
    decoder_pos_embed: initPositionEmbedding(config, decoderDim),
    decoder_blocks: initBlocks(fold(key, 'decoder_blocks'), decoderDepth, decoderDim, mlpRatio),
    decoder_norm: initLayerNorm(decoderDim),
    decoder_pred: initLinear(fold(key, 'decoder_pred'), decoderDim, patchValues(config)),
  };
}

/** Everything trains but the two sin-cos position embeddings. */
export const isTrainable: Trainable = (path) => path !== 'pos_embed' && path !== 'decoder_pos_embed';

const DECODER_ROOTS: ReadonlySet<string> = new Set([
  ...['decoder_embed', 'mask_token', 'decoder_pos_embed', 'decoder_blocks', 'decoder_norm', 'decoder_pred'],
]);

/** Does this path belong to the decoder, which is thrown away after pretraining? */
export function isDecoder(path: string): boolean {
  return DECODER_ROOTS.has(path.split('.')[0]!);
}
