import type * as tf from '@tensorflow/tfjs-core';

export type GatherInputs = { x: tf.Tensor3D; ids: tf.Tensor2D };

export type RestoreInputs = { visible: tf.Tensor3D; fill: tf.Tensor; ids: tf.Tensor2D };
