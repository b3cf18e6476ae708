import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { LinearInputs } from '../linear/inputs.js';
import { inputGradient, linearProduct, parameterGradients } from '../linear/webgpu.js';
import type { LinearGradTimesInputs } from './inputs.js';

/** Bias and GELU in the product's epilogue. */
export function linearGeluWebGpu(
  { x, weight, bias }: KernelInfos<LinearInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const geluDerivative = gpu.allocate([...x.shape.slice(0, -1), weight.shape[0]!], 'float32');
  return [linearProduct(gpu, { x, weight, bias }, { geluDerivative }), geluDerivative];
}

/** The factor in the product's epilogue. */
export function linearBackwardTimesWebGpu(
  { dy, x, weight, factor }: KernelInfos<LinearGradTimesInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  return [inputGradient(gpu, { dy, x, weight }, factor), ...parameterGradients(gpu, { dy, x, weight })];
}
