import type * as tf from '@tensorflow/tfjs-core';

export type AttentionGradInputs = {
  dy: tf.Tensor3D;
  qkv: tf.Tensor3D;
  /** The forward pass's two outputs. */
  out: tf.Tensor3D;
  softmax: tf.Tensor;
};
