import type * as tf from '@tensorflow/tfjs-core';

export type LinearInputs = { x: tf.Tensor; weight: tf.Tensor2D; bias: tf.Tensor1D };

/** `residual` is like the output. */
export type LinearPlusInputs = LinearInputs & { residual: tf.Tensor };

export type LinearGradInputs = { dy: tf.Tensor; x: tf.Tensor; weight: tf.Tensor2D };
