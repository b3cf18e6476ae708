import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { geluForward } from '../gelu/gradient.js';
import { linearBackward, linearForward } from '../linear/gradient.js';
import type { LinearInputs } from '../linear/inputs.js';
import type { LinearGradTimesInputs } from './inputs.js';
import { linearBackwardTimesWebGpu, linearGeluWebGpu } from './webgpu.js';

/**
 * x [..., in], weight [out, in], bias [out] → [GELU(h), GELU'(h)] with h = x Wᵀ + b, both [..., out].
 * The hidden layer is the widest tensor of a block: fused, h is neither written nor read, which is two of the
 * four passes over it.
 */
export const linearGelu: Kernel<LinearInputs, Record<string, never>> = defineKernel({
  name: 'MaehemLinearGelu',
  webgpu: linearGeluWebGpu,
  composite: (inputs: LinearInputs) => tf.tidy(() => geluForward({ x: linearForward(inputs, {})[0]! }, {})),
});

/** As `linearBackward`, but with dx ∘ factor, [..., in], for dx: three more passes saved. */
export const linearBackwardTimes: Kernel<LinearGradTimesInputs, Record<string, never>> = defineKernel({
  name: 'MaehemLinearGradTimes',
  webgpu: linearBackwardTimesWebGpu,
  composite: ({ factor, ...inputs }: LinearGradTimesInputs) =>
    tf.tidy(() => {
      const [dx, dweight, dbias] = linearBackward(inputs, { inputFixed: false });
      return [tf.mul(dx!, factor), dweight!, dbias!];
    }),
});
