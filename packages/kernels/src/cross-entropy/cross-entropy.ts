import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';
import { crossEntropyForward } from './gradient.js';

/**
 * Softmax cross-entropy with soft targets, averaged over the batch.
 * @param logits [batch, class]
 * @param targets [batch, class], non-negative; data, no gradient.
 * @returns a scalar
 */
export function softmaxCrossEntropy(logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Scalar {
  if (!tf.util.arraysEqual(logits.shape, targets.shape))
    throw new Error(`cross-entropy: logits [${logits.shape}] and targets [${targets.shape}] differ in shape`);
  return differentiable<tf.Scalar>(
    [logits],
    () => {
      const [loss, dlogits] = crossEntropyForward({ logits, targets }, {}) as [tf.Scalar, tf.Tensor2D];
      return { value: loss, saved: [dlogits] };
    },
    (dy, [dlogits]) => [tf.mul(dlogits!, dy)],
  );
}
