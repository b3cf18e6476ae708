import type * as tf from '@tensorflow/tfjs-core';

export type CrossEntropyInputs = { logits: tf.Tensor2D; targets: tf.Tensor2D };
