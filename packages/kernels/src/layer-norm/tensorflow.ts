import type { RawTensor, TensorFlowOps } from '@maehem/backend';
import type { KernelRawTensors } from '../dispatch/kernel.js';
import type { LayerNormGradInputs, LayerNormInputs } from './inputs.js';

/** Mean and variance over the last axis in two passes, as PyTorch's are exact to rounding. */
export function layerNormForwardTensorFlow(
  { x, weight, bias }: KernelRawTensors<LayerNormInputs>,
  { eps }: { eps: number },
  ops: TensorFlowOps,
): RawTensor[] {
  const last = x.shape.length - 1;
  const count = x.shape.slice(0, -1).reduce((product, n) => product * n, 1);
  const mean = ops.reduce('Mean', x, [last], true);
  const centred = ops.sub(x, mean);
  const variance = ops.reduce('Mean', ops.unary('Square', centred), [last], true);
  const rstd = ops.unary('Rsqrt', ops.add(variance, eps));
  const y = ops.add(ops.mul(ops.mul(centred, rstd), weight), bias);
  return [y, ops.reshape(mean, [count]), ops.reshape(rstd, [count])];
}

/** The same sums as in `gradient.ts`, on the tensor's own axes. */
export function layerNormBackwardTensorFlow(
  { dy, x, weight, mean, rstd }: KernelRawTensors<LayerNormGradInputs>,
  _attrs: Record<string, never>,
  ops: TensorFlowOps,
): RawTensor[] {
  const last = x.shape.length - 1;
  const outer = Array.from({ length: last }, (_, axis) => axis);
  const perRow = [...x.shape.slice(0, -1), 1];
  const scale = ops.reshape(rstd, perRow);
  const normalised = ops.mul(ops.sub(x, ops.reshape(mean, perRow)), scale);
  const dnormalised = ops.mul(dy, weight);
  const meanGrad = ops.reduce('Mean', dnormalised, [last], true);
  const meanProjection = ops.reduce('Mean', ops.mul(dnormalised, normalised), [last], true);
  const centred = ops.sub(ops.sub(dnormalised, meanGrad), ops.mul(normalised, meanProjection));
  return [
    ops.mul(centred, scale),
    ops.reduce('Sum', ops.mul(dy, normalised), outer),
    ops.reduce('Sum', dy, outer),
  ];
}
