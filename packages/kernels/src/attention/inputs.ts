import type * as tf from '@tensorflow/tfjs-core';

export type AttentionGradInputs = { dy: tf.Tensor3D; qkv: tf.Tensor3D; probabilities: tf.Tensor4D };
