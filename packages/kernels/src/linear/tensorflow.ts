import { DataTypes, type RawTensor, type TensorFlowOps } from '@maehem/backend';
import type { KernelRawTensors } from '../dispatch/kernel.js';
import type { LinearGradInputs, LinearInputs } from './inputs.js';

/** One product with a transposed weight, and the bias, which TensorFlow fuses into it in a graph. */
export function linearForwardTensorFlow(
  { x, weight, bias }: KernelRawTensors<LinearInputs>,
  _attrs: Record<string, never>,
  ops: TensorFlowOps,
): RawTensor[] {
  const product = ops.matMul(asRows(x, ops), weight, { transposeB: true });
  const [y] = ops.run('BiasAdd', [product, bias], { T: { type: DataTypes.float32 } });
  return [ops.reshape(y, [...x.shape.slice(0, -1), weight.shape[0]!])];
}

/** dx = dy W, dW = dyᵀ x, db = column sums of dy. */
export function linearBackwardTensorFlow(
  { dy, x, weight }: KernelRawTensors<LinearGradInputs>,
  { inputFixed }: { inputFixed: boolean },
  ops: TensorFlowOps,
): RawTensor[] {
  const gradient = asRows(dy, ops);
  const dweight = ops.matMul(gradient, asRows(x, ops), { transposeA: true });
  const [dbias] = ops.run('BiasAddGrad', [gradient], { T: { type: DataTypes.float32 } });
  if (inputFixed) return [dweight, dbias];
  return [ops.reshape(ops.matMul(gradient, weight), x.shape), dweight, dbias];
}

/** Leading axes folded into one. */
function asRows(x: RawTensor, ops: TensorFlowOps): RawTensor {
  if (x.shape.length === 2) return x;
  const features = x.shape[x.shape.length - 1]!;
  const count = x.shape.slice(0, -1).reduce((product, n) => product * n, 1);
  return ops.reshape(x, [count, features]);
}
