import * as tf from '@tensorflow/tfjs-core';

/** One row for each id, with a 1 at its place: ids [batch, count] → [batch, count, tokens]. */
function oneHot(ids: tf.Tensor2D, tokens: number): tf.Tensor3D {
  const [batch, count] = ids.shape;
  const places = tf.range(0, tokens, 1, 'int32');
  return tf.cast(tf.equal(tf.reshape(ids, [batch, count, 1]), places), 'float32') as tf.Tensor3D;
}

/** y[b, k] = x[b, ids[b, k]], as a product with a one-hot matrix: x [batch, token, dim], ids [batch, keep]. */
export function gatherTokensReference(x: tf.Tensor3D, ids: tf.Tensor2D): tf.Tensor3D {
  return tf.matMul(oneHot(ids, x.shape[1]), x);
}

/**
 * y[b, t] = visible[b, ids[b, t]] where ids[b, t] < keep, else fill: visible [batch, keep, dim], fill
 * [1, 1, dim], ids [batch, token].
 */
export function restoreTokensReference(
  visible: tf.Tensor3D,
  fill: tf.Tensor3D,
  ids: tf.Tensor2D,
): tf.Tensor3D {
  const [batch, keep] = visible.shape;
  const [, tokens] = ids.shape;
  const placed = tf.matMul(oneHot(ids, keep), visible);
  const hidden = tf.cast(tf.greaterEqual(tf.reshape(ids, [batch, tokens, 1]), keep), 'float32');
  return tf.add(placed, tf.mul(hidden, fill)) as tf.Tensor3D;
}
