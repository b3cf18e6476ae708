import type * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';
import { attentionBackward, attentionForward } from './gradient.js';

/**
 * Multi-head self-attention from packed projections.
 * @param qkv [batch, token, 3 * width]: queries, keys, values, each split into `heads` runs of width / heads.
 * @returns [batch, token, width]
 * @throws when the width is not a multiple of the number of heads.
 */
export function attention(qkv: tf.Tensor3D, heads: number): tf.Tensor3D {
  const packed = qkv.shape[2];
  if (!Number.isInteger(heads) || heads < 1 || packed % (3 * heads) !== 0)
    throw new Error(`attention: packed width ${packed} does not divide into 3 x ${heads} heads`);
  return differentiable<tf.Tensor3D>(
    [qkv],
    () => {
      const [out, softmax] = attentionForward({ qkv }, { heads }) as [tf.Tensor3D, tf.Tensor];
      return { value: out, saved: [qkv, out, softmax] };
    },
    (dy, saved) => {
      const [packedInput, out, softmax] = saved as [tf.Tensor3D, tf.Tensor3D, tf.Tensor];
      return attentionBackward({ dy, qkv: packedInput, out, softmax }, { heads });
    },
  );
}
