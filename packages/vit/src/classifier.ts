import {
  add,
  type LayerNorm,
  type Linear,
  layerNorm,
  linear,
  meanTokens,
  prependClassToken,
  reshape,
  sliceTokens,
} from '@maehem/kernels';
import { fold, type Key } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import type { Block, BlockShape } from './block.js';
import { assertVitConfig, type VitConfig } from './config.js';
import { initBlocks, transformer } from './encoder.js';
import { normalInit } from './initializers.js';
import { initLayerNorm } from './linear.js';
import { initPatchEmbed, type PatchEmbed, patchEmbed } from './patch-embed.js';
import { initPositionEmbedding } from './position-embedding.js';

/** How tokens become one vector: mean over patches then `fc_norm`, or the class token after `norm`. */
export type Pooling = 'mean' | 'class';

export interface ClassifierConfig extends VitConfig {
  readonly classes: number;
  readonly pooling: Pooling;
}

/** A ViT classifier under the reference's names: `fc_norm` with mean pooling, `norm` with the class token. */
export type Classifier = {
  readonly cls_token: tf.Tensor3D;
  readonly pos_embed: tf.Tensor3D;
  readonly patch_embed: PatchEmbed;
  readonly blocks: readonly Block[];
  readonly norm?: LayerNorm;
  readonly fc_norm?: LayerNorm;
  readonly head: Linear;
};

/**
 * A fresh classifier.
 * @param headStd deviation of the head's initial weights: 0.01 as the reference's linear probe has it, 2e-5 in its
 * fine-tuning
 */
export function initClassifier(key: Key, config: ClassifierConfig, headStd = 0.01): Classifier {
  assertVitConfig(config);
  const { dim, depth, mlpRatio, patchSize, channels, classes, pooling } = config;
  const norm = initLayerNorm(dim);
  return {
    cls_token: normalInit(fold(key, 'cls_token'), [1, 1, dim], 0.02),
    pos_embed: initPositionEmbedding(config, dim),
    patch_embed: initPatchEmbed(fold(key, 'patch_embed'), patchSize, channels, dim),
    blocks: initBlocks(fold(key, 'blocks'), depth, dim, mlpRatio),
    ...(pooling === 'mean' ? { fc_norm: norm } : { norm }),
    head: { weight: normalInit(fold(key, 'head'), [classes, dim], headStd), bias: tf.zeros([classes]) },
  };
}

/**
 * Class logits.
 * @param patches [batch, token, patch values] in (row, column, channel) order
 * @param dropPathFactors [depth * 2, batch] of `dropPathFactors`, in training
 * @returns [batch, class]
 */
export function classify(
  params: Classifier,
  patches: tf.Tensor3D,
  shape: BlockShape,
  dropPathFactors?: tf.Tensor2D,
): tf.Tensor2D {
  const embedded = prependClassToken(patchEmbed(params.patch_embed, patches), params.cls_token);
  const tokens = transformer(params.blocks, add(embedded, params.pos_embed), shape, dropPathFactors);
  return linear(params.head, pool(params, tokens, shape.normEps));
}

/** [batch, 1 + token, dim] → [batch, dim]. */
function pool({ norm, fc_norm }: Classifier, tokens: tf.Tensor3D, normEps?: number): tf.Tensor2D {
  if (fc_norm !== undefined) return layerNorm(fc_norm, meanTokens(sliceTokens(tokens, 1)), normEps);
  if (norm === undefined) throw new Error('classifier: the params have neither fc_norm nor norm');
  // The norm works token by token: only the class token needs it.
  const [batch, , dim] = tokens.shape;
  return layerNorm(norm, reshape<tf.Tensor2D>(sliceTokens(tokens, 0, 1), [batch, dim]), normEps);
}
