import * as tf from '@tensorflow/tfjs-core';
import { floats } from '../dispatch/host-views.js';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { accumulateWebGpu } from './webgpu.js';

/** One set of numbers, and what is added to it, of the same shape. */
export type AccumulateInputs = { sum: tf.Tensor; x: tf.Tensor };

/**
 * → [sum + x]. **Consumes** sum: engines update it in place where they can, so the caller disposes the old handle
 * and goes on with the result. There is no gradient.
 */
export const accumulate: Kernel<AccumulateInputs, Record<string, never>> = defineKernel({
  name: 'MaehemAccumulate',
  updates: ['sum'],
  webgpu: accumulateWebGpu,
  host: ({ sum, x }, _attrs, memory) => {
    const output = memory.updatable(sum);
    const total = floats(memory, output);
    const added = floats(memory, x);
    for (let i = 0; i < total.length; i++) total[i] = total[i]! + added[i]!;
    return [output];
  },
  composite: ({ sum, x }: AccumulateInputs) => [tf.add(sum, x)],
});
