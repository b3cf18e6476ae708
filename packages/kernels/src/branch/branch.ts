import { gpuEngine } from '@maehem/backend';
import * as tf from '@tensorflow/tfjs-core';
import { attention } from '../attention/attention.js';
import { flashTakes } from '../attention/flash-tiles.js';
import { differentiable } from '../dispatch/differentiable.js';
import { LAYER_NORM_EPS, type LayerNorm, layerNorm } from '../layer-norm/layer-norm.js';
import { type Linear, linear, linearPlus } from '../linear/linear.js';
import { mlp } from '../mlp/mlp.js';
import { gpuTraits } from '../webgpu/gpu-traits.js';
import {
  attentionBranchBackward,
  attentionBranchForward,
  branchPrecision,
  mlpBranchBackward,
  mlpBranchForward,
} from './branch-kernels.js';
import type { BranchInputs } from './inputs.js';

/** A branch of a pre-norm block: a layer norm, and two linear layers with attention or GELU between them. */
export interface Branch {
  readonly norm: LayerNorm;
  readonly first: Linear;
  readonly second: Linear;
}

/** Options of {@link attentionBranch} and {@link mlpBranch}. */
export interface BranchOptions {
  /** Epsilon of the layer norm; 1e-6 unless told. */
  readonly eps?: number | undefined;
  /** Add x to the result; on unless it is `false`. */
  readonly residual?: boolean;
}

/**
 * x + second(attention(first(norm(x)))). On WebGPU it is one op: in float16 all between the norm and the second layer is in half
 * precision, forward and backward, and tfjs's tape knows float32 alone; and the gradient that x gets along the
 * residual is added where the norm's is written, in either precision.
 * @param x [batch, token, width]; the first layer is the packed projection to queries, keys and values
 * @returns [batch, token, width]
 */
export function attentionBranch(
  branch: Branch,
  x: tf.Tensor3D,
  heads: number,
  { eps = LAYER_NORM_EPS, residual = true }: BranchOptions = {},
): tf.Tensor3D {
  const { norm, first, second } = branch;
  const precision = branchPrecision(first.weight, second.weight);
  if (precision === undefined || !takesHeads(first, heads)) {
    const attended = attention(linear(first, layerNorm(norm, x, eps)), heads);
    return residual ? linearPlus(second, attended, x) : linear(second, attended);
  }
  const inputs = inputsOf(branch, x);
  return differentiable<tf.Tensor3D>(
    Object.values(inputs),
    () => {
      const [y, mean, rstd, normed, qkv, attended, logSum, ...halves] = attentionBranchForward(inputs, {
        ...{ heads, eps, residual, precision },
      }) as [tf.Tensor3D, ...Six];
      const common = [x, norm.weight, mean, rstd, normed, ...weightsOf(branch, halves)];
      return { value: y, saved: [...common, qkv, attended, logSum] };
    },
    (dy, saved) => {
      const [input, normWeight, mean, rstd, normed, weight1, weight2, qkv, attended, logSum] =
        saved as BranchSaved<[qkv: tf.Tensor, attended: tf.Tensor, logSum: tf.Tensor]>;
      const common = { dy, x: input, normWeight, mean, rstd, normed, weight1, weight2 };
      return attentionBranchBackward({ ...common, qkv, attended, logSum }, { heads, residual });
    },
  );
}

/**
 * x + second(GELU(first(norm(x)))); see {@link attentionBranch}.
 * @param x [batch, token, width]
 * @returns [batch, token, width]
 */
export function mlpBranch(
  branch: Branch,
  x: tf.Tensor3D,
  { eps = LAYER_NORM_EPS, residual = true }: BranchOptions = {},
): tf.Tensor3D {
  const { norm, first, second } = branch;
  const precision = branchPrecision(first.weight, second.weight);
  if (precision === undefined) return mlp(first, second, layerNorm(norm, x, eps), residual ? x : undefined);
  const inputs = inputsOf(branch, x);
  return differentiable<tf.Tensor3D>(
    Object.values(inputs),
    () => {
      const [y, mean, rstd, normed, hidden, derivative, ...halves] = mlpBranchForward(inputs, {
        ...{ eps, residual, precision },
      }) as [tf.Tensor3D, ...Five];
      const common = [x, norm.weight, mean, rstd, normed, ...weightsOf(branch, halves)];
      return { value: y, saved: [...common, hidden, derivative] };
    },
    (dy, saved) => {
      const [input, normWeight, mean, rstd, normed, weight1, weight2, hidden, derivative] =
        saved as BranchSaved<[hidden: tf.Tensor, derivative: tf.Tensor]>;
      const common = { dy, x: input, normWeight, mean, rstd, normed, weight1, weight2 };
      return mlpBranchBackward({ ...common, hidden, derivative }, { residual });
    },
  );
}

type Five = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
type Six = [tf.Tensor, ...Five];

/** What the backward pass multiplies with: the copies in half precision, where there are any. */
function weightsOf({ first, second }: Branch, halves: readonly tf.Tensor[]): tf.Tensor[] {
  return halves.length === 0 ? [first.weight, second.weight] : [...halves];
}

type BranchSaved<Inner extends tf.Tensor[]> = [
  x: tf.Tensor3D,
  normWeight: tf.Tensor1D,
  mean: tf.Tensor1D,
  rstd: tf.Tensor1D,
  normed: tf.Tensor,
  weight1: tf.Tensor,
  weight2: tf.Tensor,
  ...Inner,
];

/** In the order of the gradients. */
function inputsOf({ norm, first, second }: Branch, x: tf.Tensor3D): BranchInputs {
  return {
    x,
    ...{ normWeight: norm.weight, normBias: norm.bias },
    ...{ weight1: first.weight, bias1: first.bias },
    ...{ weight2: second.weight, bias2: second.bias },
  };
}

/** Is there flash attention for these heads, whose width must be a multiple of four too? */
function takesHeads({ weight }: Linear, heads: number): boolean {
  const width = weight.shape[0] / (3 * heads);
  return width % 4 === 0 && flashTakes(width, gpuTraits(gpuEngine(tf.backend())));
}
