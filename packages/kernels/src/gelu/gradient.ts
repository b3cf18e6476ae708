import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { geluForwardHost } from './host.js';
import { geluForwardTensorFlow } from './tensorflow.js';
import { geluForwardWasm } from './wasm.js';
import { geluForwardWebGpu } from './webgpu.js';

/**
 * x → [y, dy/dx], both like x. The derivative Φ(x) + x φ(x) is written in the forward pass: it needs the
 * same exponential, and saving it in place of x costs no memory.
 */
export const geluForward: Kernel<{ x: tf.Tensor }, Record<string, never>> = defineKernel({
  name: 'MaehemGelu',
  tensorflow: geluForwardTensorFlow,
  wasm: geluForwardWasm,
  webgpu: geluForwardWebGpu,
  host: geluForwardHost,
  composite: ({ x }: { x: tf.Tensor }) =>
    tf.tidy(() => {
      const distribution = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
      const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [tf.mul(x, distribution), tf.add(distribution, tf.mul(x, density))];
    }),
});
