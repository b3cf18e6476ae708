import type * as tf from '@tensorflow/tfjs-core';

/**
 * param, first moment m, second moment v and grad of one shape, and scalars that change from step to step
 * and are therefore tensors, not attributes: a captured step replays with new ones.
 */
export type AdamwInputs = {
  param: tf.Tensor;
  m: tf.Tensor;
  v: tf.Tensor;
  grad: tf.Tensor;
  /** The learning rate of this step. */
  lr: tf.Scalar;
  /** 1 - beta1^t, t counted from 1. */
  correction1: tf.Scalar;
  /** 1 - beta2^t. */
  correction2: tf.Scalar;
  /**
   * What gradients are multiplied with first: 1, or the factor of global-norm clipping; 0 to leave everything as it
   * is, whatever the gradients are (on TensorFlow they must be numbers: nothing there makes infinite ones).
   */
  gradScale: tf.Scalar;
};

export type AdamwAttrs = {
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Factor on the learning rate of this parameter: layer-wise decay. */
  lrScale: number;
};
