import { currentPrecision, engineName } from '@maehem/backend';
import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel, kernelMode } from '../dispatch/kernel.js';
import type { Precision } from '../half/half.js';
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

/**
 * In what a branch of these layers runs as one op, between its kernels; `undefined` where it is composed. Halves want widths that are
 * multiples of four, for vec4.
 */
export function branchPrecision(...weights: readonly tf.Tensor2D[]): Precision | undefined {
  if (engineName() !== 'webgpu' || kernelMode() === 'composite') return undefined;
  const whole = weights.every(({ shape }) => shape.every((width) => width % 4 === 0));
  return currentPrecision() === 'float16' && whole ? 'f16' : 'f32';
}

/** {@link branchPrecision} is asked before, and says where the ops are composed. */
function composite(): never {
  throw new Error('branches of a block are one op on webgpu alone');
}

type Heads = { heads: number };

/** → [y [batch, token, width], mean, rstd, normed, qkv, attended, logSum, weights in half precision if it is f16]. */
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

/** → [y [batch, token, width], mean, rstd, normed, hidden, derivative, weights in half precision if it is f16]. */
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
