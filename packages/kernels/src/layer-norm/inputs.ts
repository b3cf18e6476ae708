import type * as tf from '@tensorflow/tfjs-core';

export type LayerNormInputs = { x: tf.Tensor; weight: tf.Tensor1D; bias: tf.Tensor1D };

export type LayerNormGradInputs = {
  dy: tf.Tensor;
  x: tf.Tensor;
  weight: tf.Tensor1D;
  mean: tf.Tensor1D;
  rstd: tf.Tensor1D;
};
