import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { asRows } from '../dispatch/rows.js';
import { hiddenSumWebGpu, sumRowsWebGpu } from './webgpu.js';

/** x [..., features] → [the sum of its rows [features]]. tfjs's WebGPU engine transposes x first. */
export const sumRows: Kernel<{ x: tf.Tensor }, Record<string, never>> = defineKernel({
  name: 'MaehemSumRows',
  webgpu: sumRowsWebGpu,
  composite: ({ x }: { x: tf.Tensor }) => tf.tidy(() => [tf.sum(asRows(x), 0)]),
});

/** The gradients of all tokens, those of the visible ones among them, and where each token went. */
export type HiddenSumInputs = { dy: tf.Tensor3D; dvisible: tf.Tensor3D; ids: tf.Tensor2D };

/**
 * dy [batch, token, dim], dvisible [batch, keep, dim], ids [batch, token] → [the sum of dy over tokens with
 * ids >= keep [dim]]: the gradient of what stands in for every hidden token.
 */
export const hiddenSum: Kernel<HiddenSumInputs, Record<string, never>> = defineKernel({
  name: 'MaehemHiddenSum',
  webgpu: hiddenSumWebGpu,
  // All gradients, less those of the visible.
  composite: ({ dy, dvisible }: HiddenSumInputs) =>
    tf.tidy(() => [tf.sub(sumRows({ x: dy }, {})[0]!, sumRows({ x: dvisible }, {})[0]!)]),
});
