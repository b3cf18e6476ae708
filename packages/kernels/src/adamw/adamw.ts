import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { adamwHost } from './host.js';
import { adamwWasm } from './wasm.js';

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
  /** What gradients are multiplied with first: 1, or the factor of global-norm clipping. */
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

/**
 * One AdamW step → [param, m, v] (Loshchilov & Hutter 2019; decay is decoupled and scaled by the learning
 * rate, as in PyTorch). **Consumes** param, m and v: engines update them in place where they can, so the
 * caller disposes the old handles and goes on with the results. There is no gradient.
 */
export const adamw: Kernel<AdamwInputs, AdamwAttrs> = defineKernel({
  name: 'MaehemAdamW',
  updates: ['param', 'm', 'v'],
  wasm: adamwWasm,
  host: adamwHost,
  composite: (inputs: AdamwInputs, attrs: AdamwAttrs) => tf.tidy(() => adamwComposite(inputs, attrs)),
});

function adamwComposite(
  { param, m, v, grad, lr, correction1, correction2, gradScale }: AdamwInputs,
  { beta1, beta2, eps, weightDecay, lrScale }: AdamwAttrs,
): tf.Tensor[] {
  const g = tf.mul(grad, gradScale);
  const rate = tf.mul(lr, lrScale);
  const mean = tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1));
  const square = tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2));
  const denominator = tf.add(tf.div(tf.sqrt(square), tf.sqrt(correction2)), eps);
  const decayed = tf.mul(param, tf.sub(1, tf.mul(rate, weightDecay)));
  return [tf.sub(decayed, tf.div(tf.mul(tf.div(rate, correction1), mean), denominator)), mean, square];
}
