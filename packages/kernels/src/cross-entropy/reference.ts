import * as tf from '@tensorflow/tfjs-core';

/** The batch mean of -Σ target · log softmax(logits): both [batch, class]. */
export function crossEntropyReference(logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Scalar {
  return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1))) as tf.Scalar;
}
