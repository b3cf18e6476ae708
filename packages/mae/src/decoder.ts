import { add, layerNorm, linear, restoreTokens, sliceTokens, type TokenIds } from '@maehem/kernels';
import { type BlockShape, transformer } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import type { MaeDecoder } from './params.js';

/**
 * Predict every patch from the encoded visible ones and the shared mask token (He et al. 2021, section 3,
 * "MAE decoder").
 * @param latent [batch, 1 + keep, dim] of `encode`
 * @param shape the decoder's heads, and the norm epsilon
 * @returns [batch, token, patch values] in (row, column, channel) order
 */
export function decode(
  params: MaeDecoder,
  latent: tf.Tensor3D,
  shape: BlockShape,
  ids: TokenIds,
): tf.Tensor3D {
  const embedded = linear(params.decoder_embed, latent);
  // Without a mask token of its own the decoder got every position from the encoder already.
  const full =
    params.mask_token === undefined
      ? embedded
      : restoreTokens(embedded, params.mask_token, withClassToken(ids));
  const tokens = transformer(params.decoder_blocks, add(full, params.decoder_pos_embed), shape);
  // The norm and the prediction work token by token: drop the class token before them.
  return linear(params.decoder_pred, layerNorm(params.decoder_norm, sliceTokens(tokens, 1), shape.normEps));
}

/** The same plan with the class token as an always visible token 0. */
function withClassToken({ idsKeep, idsRestore }: TokenIds): TokenIds {
  const shift = (ids: tf.Tensor2D): tf.Tensor2D =>
    tf.tidy(() => {
      const one = tf.scalar(1, 'int32');
      const first = tf.zeros([ids.shape[0], 1], 'int32') as tf.Tensor2D;
      return tf.concat([first, tf.add(ids, one) as tf.Tensor2D], 1);
    });
  return { idsKeep: shift(idsKeep), idsRestore: shift(idsRestore) };
}
