import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';
import { hiddenSum } from '../row-sums/row-sums.js';
import { gatherKernel, restoreKernel } from './gradient.js';

/** The two halves of a masking plan on the device, int32; each is the other's inverse. */
export type TokenIds = {
  /** [batch, keep]: which tokens are visible, in the order in which the encoder sees them. */
  readonly idsKeep: tf.Tensor2D;
  /** [batch, token]: where each token went; numbers below `keep` are visible (the paper's `ids_restore`). */
  readonly idsRestore: tf.Tensor2D;
};

/**
 * Keep the visible tokens.
 * @param x [batch, token, dim]
 * @returns [batch, keep, dim]
 */
export function gatherTokens(x: tf.Tensor3D, { idsKeep, idsRestore }: TokenIds): tf.Tensor3D {
  return differentiable<tf.Tensor3D>(
    [x],
    () => ({ value: gatherKernel({ x, ids: idsKeep }, {})[0] as tf.Tensor3D, saved: [idsRestore] }),
    (dy, [ids]) => {
      const zeros = tf.zeros([x.shape[2]]);
      const dx = restoreKernel({ visible: dy, fill: zeros, ids: ids as tf.Tensor2D }, {});
      zeros.dispose();
      return dx;
    },
  );
}

/**
 * Put visible tokens back into their places and the shared mask token into all others (He et al. 2021,
 * section 3, "MAE decoder").
 * @param visible [batch, keep, dim]
 * @param maskToken [1, 1, dim]
 * @returns [batch, token, dim]
 */
export function restoreTokens(visible: tf.Tensor3D, maskToken: tf.Tensor3D, plan: TokenIds): tf.Tensor3D {
  const { idsKeep, idsRestore } = plan;
  return differentiable<tf.Tensor3D>(
    [visible, maskToken],
    () => ({
      value: restoreKernel({ visible, fill: maskToken, ids: idsRestore }, {})[0] as tf.Tensor3D,
      saved: [idsKeep, idsRestore],
    }),
    (dy, saved) => {
      const [keep, restore] = saved as [tf.Tensor2D, tf.Tensor2D];
      const dvisible = gatherKernel({ x: dy, ids: keep }, {})[0] as tf.Tensor3D;
      const [dmask] = hiddenSum({ dy, dvisible, ids: restore }, {});
      return [dvisible, tf.reshape(dmask!, maskToken.shape)];
    },
  );
}

/**
 * Tokens of data that need no gradient, such as patches or fixed position embeddings.
 * @param x [batch, token, dim], or [1, token, dim] to choose from the same tokens for every sample
 * @param ids int32 [batch, keep]
 * @returns [batch, keep, dim]
 */
export function selectTokens(x: tf.Tensor3D, ids: tf.Tensor2D): tf.Tensor3D {
  const [batch, keep] = ids.shape;
  if (x.shape[0] === batch) return gatherKernel({ x, ids }, {})[0] as tf.Tensor3D;
  return tf.tidy(() => {
    const [chosen] = gatherKernel({ x, ids: tf.reshape(ids, [1, batch * keep]) }, {});
    return tf.reshape(chosen!, [batch, keep, x.shape[2]]);
  });
}
