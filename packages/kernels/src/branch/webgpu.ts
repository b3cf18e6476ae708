import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { attentionBackwardWebGpu, attentionForwardWebGpu } from '../attention/webgpu.js';
import type { KernelInfos } from '../dispatch/kernel.js';
import { allocateNumbers, halve } from '../half/half.js';
import { layerNormBackwardWebGpu, layerNormForwardWebGpu } from '../layer-norm/webgpu.js';
import { inputGradient, linearProduct, parameterGradients } from '../linear/webgpu.js';
import type {
  AttentionBranchGradInputs,
  BranchAttrs,
  BranchInputs,
  ForwardAttrs,
  MlpBranchGradInputs,
} from './inputs.js';

/**
 * The branches of a block. What passes between their kernels is in the branch's precision; what goes in and comes
 * out, the residual stream and its gradient, is float32, and so are the gradients of parameters.
 */

/** → [y, mean, rstd, normed, qkv, attended, logSum, then the weights' halves if there are any]. */
export function attentionBranchForwardWebGpu(
  { x, normWeight, normBias, weight1, bias1, weight2, bias2 }: KernelInfos<BranchInputs>,
  { heads, eps, residual, precision }: ForwardAttrs & { heads: number },
  gpu: GpuEngine,
): TensorInfo[] {
  const halves = precision === 'f16' ? halve(gpu, [weight1, weight2]) : [];
  const [first = weight1, second = weight2] = halves;
  const norm = { x, weight: normWeight, bias: normBias };
  const [normed, mean, rstd] = layerNormForwardWebGpu(norm, { eps }, gpu, precision) as Three;
  const qkv = linearProduct(gpu, { x: normed, weight: first, bias: bias1 }, {}, precision);
  const [attended, logSum] = attentionForwardWebGpu({ qkv }, { heads }, gpu) as [TensorInfo, TensorInfo];
  const last = { x: attended, weight: second, bias: bias2 };
  const y = linearProduct(gpu, last, residual ? { residual: x } : {});
  return [y, mean, rstd, normed, qkv, attended, logSum, ...halves];
}

/** → [dx, dnormWeight, dnormBias, dweight1, dbias1, dweight2, dbias2]. */
export function attentionBranchBackwardWebGpu(
  inputs: KernelInfos<AttentionBranchGradInputs>,
  { heads, residual }: BranchAttrs & { heads: number },
  gpu: GpuEngine,
): TensorInfo[] {
  const { dy, weight1, weight2, normed, qkv, attended, logSum } = inputs;
  const last = { dy, x: attended, weight: weight2 };
  const dattended = inputGradient(gpu, last);
  const grads2 = parameterGradients(gpu, last);
  const attention = { dy: dattended, qkv, out: attended, softmax: logSum };
  const [dqkv] = attentionBackwardWebGpu(attention, { heads }, gpu) as [TensorInfo];
  gpu.release(dattended);
  const grads1 = firstLayerGradients(gpu, { dy: dqkv, x: normed, weight: weight1 });
  gpu.release(dqkv);
  return [...normBackward(gpu, inputs, grads1.dx, residual), ...grads1.parameters, ...grads2];
}

/** → [y, mean, rstd, normed, hidden, derivative, then the weights' halves if there are any]. */
export function mlpBranchForwardWebGpu(
  { x, normWeight, normBias, weight1, bias1, weight2, bias2 }: KernelInfos<BranchInputs>,
  { eps, residual, precision }: ForwardAttrs,
  gpu: GpuEngine,
): TensorInfo[] {
  const halves = precision === 'f16' ? halve(gpu, [weight1, weight2]) : [];
  const [first = weight1, second = weight2] = halves;
  const norm = { x, weight: normWeight, bias: normBias };
  const [normed, mean, rstd] = layerNormForwardWebGpu(norm, { eps }, gpu, precision) as Three;
  const hiddenShape = [...x.shape.slice(0, -1), weight1.shape[0]!];
  const geluDerivative = allocateNumbers(gpu, hiddenShape, precision);
  const inner = { x: normed, weight: first, bias: bias1 };
  const hidden = linearProduct(gpu, inner, { geluDerivative }, precision);
  const last = { x: hidden, weight: second, bias: bias2 };
  const y = linearProduct(gpu, last, residual ? { residual: x } : {});
  return [y, mean, rstd, normed, hidden, geluDerivative, ...halves];
}

/** → [dx, dnormWeight, dnormBias, dweight1, dbias1, dweight2, dbias2]. */
export function mlpBranchBackwardWebGpu(
  inputs: KernelInfos<MlpBranchGradInputs>,
  { residual }: BranchAttrs,
  gpu: GpuEngine,
): TensorInfo[] {
  const { dy, weight1, weight2, normed, hidden, derivative } = inputs;
  const last = { dy, x: hidden, weight: weight2 };
  const dhidden = inputGradient(gpu, last, derivative);
  const grads2 = parameterGradients(gpu, last);
  const grads1 = firstLayerGradients(gpu, { dy: dhidden, x: normed, weight: weight1 });
  gpu.release(dhidden);
  return [...normBackward(gpu, inputs, grads1.dx, residual), ...grads1.parameters, ...grads2];
}

type Three = [TensorInfo, TensorInfo, TensorInfo];

function firstLayerGradients(
  gpu: GpuEngine,
  layer: { readonly dy: TensorInfo; readonly x: TensorInfo; readonly weight: TensorInfo },
): { dx: TensorInfo; parameters: TensorInfo[] } {
  return { dx: inputGradient(gpu, layer), parameters: parameterGradients(gpu, layer) };
}

/** Consumes the gradient of the norm's output; adds the gradient that comes along the residual. */
function normBackward(
  gpu: GpuEngine,
  { dy, x, normWeight, mean, rstd }: KernelInfos<AttentionBranchGradInputs | MlpBranchGradInputs>,
  dnormed: TensorInfo,
  residual: boolean,
): TensorInfo[] {
  const inputs = { dy: dnormed, x, weight: normWeight, mean, rstd };
  const grads = layerNormBackwardWebGpu(inputs, {}, gpu, residual ? dy : undefined);
  gpu.release(dnormed);
  return grads;
}
