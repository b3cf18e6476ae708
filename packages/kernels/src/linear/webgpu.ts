import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { allocateNumbers, numbersShape, type Precision, precisionOf } from '../half/half.js';
import { type GemmCall, gemm } from '../matmul/webgpu.js';
import type { LinearGradInputs, LinearInputs, LinearPlusInputs } from './inputs.js';

/** One product with a transposed weight, the bias in its epilogue. */
export function linearForwardWebGpu(
  inputs: KernelInfos<LinearInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  return [linearProduct(gpu, inputs, {})];
}

/** The residual in the epilogue too. */
export function linearForwardPlusWebGpu(
  { residual, ...inputs }: KernelInfos<LinearPlusInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  return [linearProduct(gpu, inputs, { residual })];
}

/** dx = dy W; dW = dyᵀ x, and db = column sums of dy in the same dispatch. */
export function linearBackwardWebGpu(
  inputs: KernelInfos<LinearGradInputs>,
  { inputFixed }: { inputFixed: boolean },
  gpu: GpuEngine,
): TensorInfo[] {
  const gradients = parameterGradients(gpu, inputs);
  return inputFixed ? gradients : [inputGradient(gpu, inputs), ...gradients];
}

/** → x Wᵀ + b [..., out], with what the epilogue does on top. x and weight may be halves, and so may the result. */
export function linearProduct(
  gpu: GpuEngine,
  { x, weight, bias }: KernelInfos<LinearInputs>,
  epilogue: Pick<GemmCall, 'residual' | 'geluDerivative'>,
  precision: Precision = 'f32',
): TensorInfo {
  const [n, k] = numbersShape(weight) as [number, number];
  const out = allocateNumbers(gpu, [...x.shape.slice(0, -1), n], precision);
  const size = { batch: 1, m: rowCount(x), n, k };
  gemm(gpu, { size, a: x, b: weight, aAlong: 'k', bAlong: 'k', out, bias, ...epilogue });
  return out;
}

/** → dy W [..., in], times the factor if there is one. In memory as x is. */
export function inputGradient(
  gpu: GpuEngine,
  { dy, x, weight }: KernelInfos<LinearGradInputs>,
  factor?: TensorInfo,
): TensorInfo {
  const [k, n] = numbersShape(weight) as [number, number];
  const out = allocateNumbers(gpu, numbersShape(x), precisionOf(x));
  const size = { batch: 1, m: rowCount(x), n, k };
  gemm(gpu, { size, a: dy, b: weight, aAlong: 'k', bAlong: 'rows', out, factor });
  return out;
}

/** → [dyᵀ x [out, in], column sums of dy [out]]: tall sums, which may be split. */
export function parameterGradients(
  gpu: GpuEngine,
  { dy, x, weight }: KernelInfos<LinearGradInputs>,
): [dweight: TensorInfo, dbias: TensorInfo] {
  const [m, n] = numbersShape(weight) as [number, number];
  const dweight = gpu.allocate([m, n], 'float32');
  const dbias = gpu.allocate([m], 'float32');
  const size = { batch: 1, m, n, k: rowCount(x) };
  gemm(gpu, { size, a: dy, b: x, aAlong: 'rows', bAlong: 'rows', out: dweight, rowSums: dbias });
  return [dweight, dbias];
}

function rowCount({ shape }: TensorInfo): number {
  return shape.slice(0, -1).reduce((product, n) => product * n, 1);
}
