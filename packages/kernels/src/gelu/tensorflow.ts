import type { RawTensor, TensorFlowOps } from '@maehem/backend';

/** Φ by the error function, φ by one exponential. */
export function geluForwardTensorFlow(
  { x }: { x: RawTensor },
  _attrs: Record<string, never>,
  ops: TensorFlowOps,
): RawTensor[] {
  const erf = ops.unary('Erf', ops.mul(x, Math.SQRT1_2));
  const distribution = ops.mul(ops.add(erf, 1), 0.5);
  const exponential = ops.unary('Exp', ops.mul(ops.unary('Square', x), -0.5));
  const density = ops.mul(exponential, 1 / Math.sqrt(2 * Math.PI));
  return [ops.mul(x, distribution), ops.add(distribution, ops.mul(x, density))];
}
