import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { adamwHost } from './host.js';
import type { AdamwAttrs, AdamwInputs } from './inputs.js';
import { adamwTensorFlow } from './tensorflow.js';
import { adamwWasm } from './wasm.js';
import { adamwWebGpu } from './webgpu.js';

/**
 * One AdamW step → [param, m, v] (Loshchilov & Hutter 2019; decay is decoupled and scaled by the learning
 * rate, as in PyTorch). **Consumes** param, m and v: engines update them in place where they can, so the
 * caller disposes the old handles and goes on with the results. There is no gradient.
 */
export const adamw: Kernel<AdamwInputs, AdamwAttrs> = defineKernel({
  name: 'MaehemAdamW',
  updates: ['param', 'm', 'v'],
  tensorflow: adamwTensorFlow,
  wasm: adamwWasm,
  webgpu: adamwWebGpu,
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
  const next = tf.sub(decayed, tf.div(tf.mul(tf.div(rate, correction1), mean), denominator));
  const skipped = tf.equal(gradScale, 0);
  return [tf.where(skipped, param, next), tf.where(skipped, m, mean), tf.where(skipped, v, square)];
}
