import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { asRows } from '../dispatch/rows.js';
import { layerNormBackwardHost, layerNormForwardHost } from './host.js';
import type { LayerNormGradInputs, LayerNormInputs } from './inputs.js';
import { layerNormBackwardTensorFlow, layerNormForwardTensorFlow } from './tensorflow.js';
import { layerNormBackwardWasm, layerNormForwardWasm } from './wasm.js';
import { layerNormBackwardWebGpu, layerNormForwardWebGpu } from './webgpu.js';

/** x [..., features] → [y like x, mean [rows], rstd [rows]]. */
export const layerNormForward: Kernel<LayerNormInputs, { eps: number }> = defineKernel({
  name: 'MaehemLayerNorm',
  tensorflow: layerNormForwardTensorFlow,
  wasm: layerNormForwardWasm,
  webgpu: layerNormForwardWebGpu,
  host: layerNormForwardHost,
  composite: ({ x, weight, bias }: LayerNormInputs, { eps }) =>
    tf.tidy(() => {
      const rows = asRows(x);
      const mean = tf.mean(rows, 1, true);
      const centred = tf.sub(rows, mean);
      const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), eps));
      const y = tf.add(tf.mul(tf.mul(centred, rstd), weight), bias);
      return [tf.reshape(y, x.shape), tf.reshape(mean, [rows.shape[0]]), tf.reshape(rstd, [rows.shape[0]])];
    }),
});

/** → [dx like x, dweight [features], dbias [features]], from the saved mean and rstd [rows]. */
export const layerNormBackward: Kernel<LayerNormGradInputs, Record<string, never>> = defineKernel({
  name: 'MaehemLayerNormGrad',
  tensorflow: layerNormBackwardTensorFlow,
  wasm: layerNormBackwardWasm,
  webgpu: layerNormBackwardWebGpu,
  host: layerNormBackwardHost,
  composite: ({ dy, x, weight, mean, rstd }: LayerNormGradInputs) =>
    tf.tidy(() => {
      const count = mean.size;
      const scale = tf.reshape(rstd, [count, 1]);
      const dyRows = asRows(dy);
      const normalised = tf.mul(tf.sub(asRows(x), tf.reshape(mean, [count, 1])), scale);
      const dnormalised = tf.mul(dyRows, weight);
      const meanGrad = tf.mean(dnormalised, 1, true);
      const meanProjection = tf.mean(tf.mul(dnormalised, normalised), 1, true);
      const dx = tf.mul(tf.sub(tf.sub(dnormalised, meanGrad), tf.mul(normalised, meanProjection)), scale);
      return [tf.reshape(dx, x.shape), tf.sum(tf.mul(dyRows, normalised), 0), tf.sum(dyRows, 0)];
    }),
});
