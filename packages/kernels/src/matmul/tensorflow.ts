import type { RawTensor, TensorFlowOps } from '@maehem/backend';
import type { KernelRawTensors } from '../dispatch/kernel.js';
import type { MatMulAttrs, MatMulInputs } from './matmul.js';

export function matMulTensorFlow(
  { a, b }: KernelRawTensors<MatMulInputs>,
  { transposeA, transposeB, alpha }: MatMulAttrs,
  ops: TensorFlowOps,
): RawTensor[] {
  const product = ops.matMul(a, b, { transposeA, transposeB });
  return [alpha === 1 ? product : ops.mul(product, alpha)];
}
