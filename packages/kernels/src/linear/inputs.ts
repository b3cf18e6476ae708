import type * as tf from '@tensorflow/tfjs-core';

export type LinearInputs = { x: tf.Tensor; weight: tf.Tensor2D; bias: tf.Tensor1D };

export type LinearGradInputs = { dy: tf.Tensor; x: tf.Tensor; weight: tf.Tensor2D };
