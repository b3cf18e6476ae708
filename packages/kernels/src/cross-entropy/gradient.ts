import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import type { CrossEntropyInputs } from './inputs.js';
import { crossEntropyWasm } from './wasm.js';
import { crossEntropyWebGpu } from './webgpu.js';

/** → [loss [], dlogits [batch, class]]: the gradient costs nothing beside the softmax. */
export const crossEntropyForward: Kernel<CrossEntropyInputs, Record<string, never>> = defineKernel({
  name: 'MaehemCrossEntropy',
  wasm: crossEntropyWasm,
  webgpu: crossEntropyWebGpu,
  composite: ({ logits, targets }: CrossEntropyInputs) =>
    tf.tidy(() => {
      const shifted = tf.sub(logits, tf.max(logits, 1, true));
      const exponentials = tf.exp(shifted);
      const total = tf.sum(exponentials, 1, true);
      const mass = tf.sum(targets, 1, true);
      const perSample = tf.sub(tf.mul(mass, tf.log(total)), tf.sum(tf.mul(targets, shifted), 1, true));
      const dlogits = tf.sub(tf.mul(tf.div(exponentials, total), mass), targets);
      return [tf.mean(perSample), tf.div(dlogits, logits.shape[0])];
    }),
});
