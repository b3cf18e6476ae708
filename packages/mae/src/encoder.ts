import {
  add,
  layerNorm,
  prependClassToken,
  restoreTokens,
  selectTokens,
  sliceTokens,
  type TokenIds,
} from '@maehem/kernels';
import { attentionMap, type BlockShape, patchEmbed, transformer } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import type { MaeEncoder } from './params.js';

/**
 * Encode the visible patches only (He et al. 2021, section 3, "MAE encoder"). Patches are chosen before
 * they are embedded: what is hidden costs nothing at all.
 * @param patches [batch, token, patch values] in (row, column, channel) order
 * @param shape heads and norm epsilon; a whole configuration will do
 * @param ids the masking plan, or nothing to encode every patch
 * @returns [batch, 1 + keep, dim], the class token first, in the order of `idsKeep`
 */
export function encode(
  params: MaeEncoder,
  patches: tf.Tensor3D,
  shape: BlockShape,
  ids?: TokenIds,
): tf.Tensor3D {
  const encoded = transformer(params.blocks, embed(params, patches, ids), shape);
  return layerNorm(params.norm, encoded, shape.normEps);
}

/** What the encoder's first block sees: visible patches at their places, the class token first. */
function embed(params: MaeEncoder, patches: tf.Tensor3D, ids?: TokenIds): tf.Tensor3D {
  const tokens =
    params.encoder_mask_token !== undefined && ids !== undefined
      ? embedWithMaskTokens(params, patches, ids)
      : embedVisible(params, patches, ids);
  const classToken = add(params.cls_token, tf.slice(params.pos_embed, [0, 0, 0], [1, 1, -1]));
  return prependClassToken(tokens, classToken);
}

/**
 * Where one block of the encoder looks, on whole images.
 * @param index the block's, from 0
 * @returns [batch, head, 1 + token, 1 + token]: each row sums to 1; the class token is the first row and column
 * @throws when the encoder has no such block.
 */
export function encoderAttention(
  params: MaeEncoder,
  patches: tf.Tensor3D,
  shape: BlockShape,
  index: number,
): tf.Tensor4D {
  const block = params.blocks[index];
  if (block === undefined)
    throw new Error(`the encoder has no block ${index}; its ${params.blocks.length} are numbered from 0`);
  const before = transformer(params.blocks.slice(0, index), embed(params, patches), shape);
  return attentionMap(block.attn, layerNorm(block.norm1, before, shape.normEps), shape.heads);
}

/** Position embeddings of the patches, without that of the class token: [1, token, dim]. */
function patchPositions({ pos_embed }: MaeEncoder): tf.Tensor3D {
  return tf.slice(pos_embed, [0, 1, 0], [1, -1, -1]);
}

function embedVisible(params: MaeEncoder, patches: tf.Tensor3D, ids: TokenIds | undefined): tf.Tensor3D {
  const positions = patchPositions(params);
  if (ids === undefined) return add(patchEmbed(params.patch_embed, patches), positions);
  const visible = patchEmbed(params.patch_embed, selectTokens(patches, ids.idsKeep));
  return add(visible, selectTokens(positions, ids.idsKeep));
}

/** Ablation: hidden patches become a learned token, and the encoder pays for the whole image. */
function embedWithMaskTokens(params: MaeEncoder, patches: tf.Tensor3D, ids: TokenIds): tf.Tensor3D {
  const visible = patchEmbed(params.patch_embed, selectTokens(patches, ids.idsKeep));
  return add(restoreTokens(visible, params.encoder_mask_token!, ids), patchPositions(params));
}

/**
 * Features of whole images, for probes and for looking: the encoder without masking.
 * @returns the class token [batch, dim] and the patch tokens [batch, token, dim]
 */
export function encodeAll(
  params: MaeEncoder,
  patches: tf.Tensor3D,
  shape: BlockShape,
): { classToken: tf.Tensor2D; tokens: tf.Tensor3D } {
  const latent = encode(params, patches, shape);
  const [batch, , dim] = latent.shape;
  return { classToken: tf.reshape(sliceTokens(latent, 0, 1), [batch, dim]), tokens: sliceTokens(latent, 1) };
}
