import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { asRows } from '../dispatch/rows.js';
import type { LinearGradInputs, LinearInputs, LinearPlusInputs } from './inputs.js';
import { linearBackwardTensorFlow, linearForwardTensorFlow } from './tensorflow.js';
import { linearBackwardWasm, linearForwardWasm } from './wasm.js';
import { linearBackwardWebGpu, linearForwardPlusWebGpu, linearForwardWebGpu } from './webgpu.js';

/**
 * x [..., in], weight [out, in], bias [out] → [y [..., out]].
 * The weight is transposed first: tfjs's wasm engine takes a scalar path for A·Bᵀ, and a fast one for A·B.
 */
export const linearForward: Kernel<LinearInputs, Record<string, never>> = defineKernel({
  name: 'MaehemLinear',
  tensorflow: linearForwardTensorFlow,
  wasm: linearForwardWasm,
  webgpu: linearForwardWebGpu,
  composite: ({ x, weight, bias }: LinearInputs) =>
    tf.tidy(() => {
      const y = tf.fused.matMul({ a: asRows(x), b: tf.transpose(weight), bias });
      return [tf.reshape(y, [...x.shape.slice(0, -1), weight.shape[0]])];
    }),
});

/** x, weight, bias and a residual [..., out] → [y + residual]: one pass over y where it is fused, not three. */
export const linearForwardPlus: Kernel<LinearPlusInputs, Record<string, never>> = defineKernel({
  name: 'MaehemLinearPlus',
  webgpu: linearForwardPlusWebGpu,
  composite: ({ residual, ...inputs }: LinearPlusInputs) =>
    tf.tidy(() => [tf.add(residual, linearForward(inputs, {})[0]!)]),
});

/** dy [..., out], x [..., in], weight [out, in] → [dx [..., in] unless `inputFixed`, dweight, dbias]. */
export const linearBackward: Kernel<LinearGradInputs, { inputFixed: boolean }> = defineKernel({
  name: 'MaehemLinearGrad',
  tensorflow: linearBackwardTensorFlow,
  wasm: linearBackwardWasm,
  webgpu: linearBackwardWebGpu,
  composite: ({ dy, x, weight }: LinearGradInputs, { inputFixed }) =>
    tf.tidy(() => {
      const dyRows = asRows(dy);
      const dweight = tf.matMul(tf.transpose(dyRows), asRows(x));
      const dbias = tf.sum(dyRows, 0);
      if (inputFixed) return [dweight, dbias];
      return [tf.reshape(tf.matMul(dyRows, weight), x.shape), dweight, dbias];
    }),
});
