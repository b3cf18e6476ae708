import * as tf from '@tensorflow/tfjs-core';

/** Fold all leading axes into one: `[..., features]` to `[rows, features]`. Shares memory. */
export function asRows(x: tf.Tensor): tf.Tensor2D {
  const features = x.shape[x.rank - 1]!;
  return tf.reshape(x, [x.size / features, features]);
}
