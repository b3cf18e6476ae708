import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { gemm } from '../matmul/webgpu.js';
import type { LinearGradInputs, LinearInputs } from './inputs.js';

/** One product with a transposed weight, the bias in its epilogue. */
export function linearForwardWebGpu(
  { x, weight, bias }: KernelInfos<LinearInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const [n, k] = weight.shape as [number, number];
  const y = gpu.allocate([...x.shape.slice(0, -1), n], 'float32');
  gemm(gpu, {
    size: { batch: 1, m: rowCount(x), n, k },
    a: x,
    b: weight,
    aAlong: 'k',
    bAlong: 'k',
    out: y,
    bias,
  });
  return [y];
}

/** dx = dy W; dW = dyᵀ x, and db = column sums of dy in the same dispatch. */
export function linearBackwardWebGpu(
  { dy, x, weight }: KernelInfos<LinearGradInputs>,
  { inputFixed }: { inputFixed: boolean },
  gpu: GpuEngine,
): TensorInfo[] {
  const [out, features] = weight.shape as [number, number];
  const rows = rowCount(x);
  const dweight = gpu.allocate([out, features], 'float32');
  const dbias = gpu.allocate([out], 'float32');
  gemm(gpu, {
    size: { batch: 1, m: out, n: features, k: rows },
    a: dy,
    b: x,
    aAlong: 'rows',
    bAlong: 'rows',
    out: dweight,
    rowSums: dbias,
  });
  if (inputFixed) return [dweight, dbias];
  const dx = gpu.allocate(x.shape, 'float32');
  gemm(gpu, {
    size: { batch: 1, m: rows, n: features, k: out },
    a: dy,
    b: weight,
    aAlong: 'k',
    bAlong: 'rows',
    out: dx,
  });
  return [dx, dweight, dbias];
}

function rowCount({ shape }: TensorInfo): number {
  return shape.slice(0, -1).reduce((product, n) => product * n, 1);
}
