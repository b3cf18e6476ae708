import { DataTypes, type RawTensor, type TensorFlowOps } from '@maehem/backend';
import type { KernelRawTensors } from '../dispatch/kernel.js';
import type { AttentionGradInputs } from './inputs.js';

/** Batched products with transpose flags; the probabilities are kept for the backward pass. */
export function attentionForwardTensorFlow(
  { qkv }: { qkv: RawTensor },
  { heads }: { heads: number },
  ops: TensorFlowOps,
): RawTensor[] {
  const [q, k, v] = split(qkv, 3, heads, ops) as [RawTensor, RawTensor, RawTensor];
  const scale = 1 / Math.sqrt(q.shape[3]!);
  const scores = ops.matMul(ops.mul(q, scale), k, { transposeB: true });
  const probabilities = ops.unary('Softmax', scores);
  return [merge([ops.matMul(probabilities, v)], ops), probabilities];
}

/** dS = P ∘ (dP - rowsum(dP ∘ P)); rowsum(dP ∘ P) = rowsum(dO ∘ O), which is smaller by tokens / dim. */
export function attentionBackwardTensorFlow(
  { dy, qkv, out, softmax }: KernelRawTensors<AttentionGradInputs>,
  { heads }: { heads: number },
  ops: TensorFlowOps,
): RawTensor[] {
  const [q, k, v] = split(qkv, 3, heads, ops) as [RawTensor, RawTensor, RawTensor];
  const [batch, tokens, width] = dy.shape as [number, number, number];
  const dim = width / heads;
  const [dout] = split(dy, 1, heads, ops) as [RawTensor];
  const products = ops.reshape(ops.mul(dy, out), [batch, tokens, heads, dim]);
  const projection = ops.transpose(ops.reduce('Sum', products, [3], true), [0, 2, 1, 3]);
  const dv = ops.matMul(softmax, dout, { transposeA: true });
  const dp = ops.matMul(dout, v, { transposeB: true });
  const ds = ops.mul(ops.sub(dp, projection), softmax);
  const scale = 1 / Math.sqrt(dim);
  const dq = ops.mul(ops.matMul(ds, k), scale);
  const dk = ops.mul(ops.matMul(ds, q, { transposeA: true }), scale);
  return [merge([dq, dk, dv], ops)];
}

/** [batch, token, parts * heads * dim] → `parts` tensors [batch, head, token, dim]. */
function split(x: RawTensor, parts: number, heads: number, ops: TensorFlowOps): RawTensor[] {
  const [batch, tokens, width] = x.shape as [number, number, number];
  const dim = width / (parts * heads);
  const groups = ops.transpose(ops.reshape(x, [batch, tokens, parts * heads, dim]), [0, 2, 1, 3]);
  if (parts === 1) return [groups];
  return ops.run('Split', [ops.axis(1), groups], { T: { type: DataTypes.float32 }, num_split: parts }, parts);
}

/** The inverse. */
function merge(parts: readonly RawTensor[], ops: TensorFlowOps): RawTensor {
  const [batch, heads, tokens, dim] = parts[0]!.shape as [number, number, number, number];
  const groups =
    parts.length === 1
      ? parts[0]!
      : ops.run('ConcatV2', [...parts, ops.axis(1)], {
          T: { type: DataTypes.float32 },
          Tidx: { type: DataTypes.int32 },
          N: parts.length,
        })[0];
  return ops.reshape(ops.transpose(groups, [0, 2, 1, 3]), [batch, tokens, parts.length * heads * dim]);
}
