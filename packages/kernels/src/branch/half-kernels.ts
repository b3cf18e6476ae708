import { currentPrecision, engineName } from '@maehem/backend';
import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel, kernelMode } from '../dispatch/kernel.js';
import type {
  AttentionBranchGradInputs,
  BranchAttrs,
  BranchInputs,
  ForwardAttrs,
  MlpBranchGradInputs,
} from './inputs.js';
import {
  attentionBranchBackwardWebGpu,
  attentionBranchForwardWebGpu,
  mlpBranchBackwardWebGpu,
  mlpBranchForwardWebGpu,
} from './webgpu.js';

/** Do branches of these layers run in half precision here? Their widths must be multiples of four, for vec4. */
export function inHalfPrecision(...weights: readonly tf.Tensor2D[]): boolean {
  return (
    engineName() === 'webgpu' &&
    currentPrecision() === 'float16' &&
    kernelMode() !== 'composite' &&
    weights.every(({ shape }) => shape.every((width) => width % 4 === 0))
  );
}

/** tfjs has no halves, so that there is nothing to compose: {@link inHalfPrecision} is asked before. */
function composite(): never {
  throw new Error('branches in half precision run on webgpu alone');
}

type Heads = { heads: number };

/** → [y [batch, token, width], then what `AttentionBranchGradInputs` names]. */
export const attentionBranchForward: Kernel<BranchInputs, ForwardAttrs & Heads> = defineKernel({
  name: 'MaehemAttentionBranch',
  webgpu: attentionBranchForwardWebGpu,
  composite,
});

/** → gradients of x, normWeight, normBias, weight1, bias1, weight2, bias2: float32, shaped as those. */
export const attentionBranchBackward: Kernel<AttentionBranchGradInputs, BranchAttrs & Heads> = defineKernel({
  name: 'MaehemAttentionBranchGrad',
  webgpu: attentionBranchBackwardWebGpu,
  composite,
});

/** → [y [batch, token, width], then what `MlpBranchGradInputs` names]. */
export const mlpBranchForward: Kernel<BranchInputs, ForwardAttrs> = defineKernel({
  name: 'MaehemMlpBranch',
  webgpu: mlpBranchForwardWebGpu,
  composite,
});

/** → as {@link attentionBranchBackward}. */
export const mlpBranchBackward: Kernel<MlpBranchGradInputs, BranchAttrs> = defineKernel({
  name: 'MaehemMlpBranchGrad',
  webgpu: mlpBranchBackwardWebGpu,
  composite,
});
