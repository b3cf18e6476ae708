import { DataTypes, type RawTensor, type TensorFlowOps } from '@maehem/backend';
import type { KernelRawTensors } from '../dispatch/kernel.js';
import type { GatherInputs, RestoreInputs } from './inputs.js';

/** TensorFlow gathers within each sample by itself (`batch_dims`). */
export function gatherTensorFlow(
  { x, ids }: KernelRawTensors<GatherInputs>,
  _attrs: Record<string, never>,
  ops: TensorFlowOps,
): RawTensor[] {
  return [gather(x, ids, ops)];
}

/** A gather from the visible tokens and one more, the fill. */
export function restoreTensorFlow(
  { visible, fill, ids }: KernelRawTensors<RestoreInputs>,
  _attrs: Record<string, never>,
  ops: TensorFlowOps,
): RawTensor[] {
  const [batch, keep, dim] = visible.shape as [number, number, number];
  const [last] = ops.run('BroadcastTo', [ops.reshape(fill, [1, 1, dim]), ops.integers([batch, 1, dim])], {
    T: { type: DataTypes.float32 },
    Tidx: { type: DataTypes.int32 },
  });
  const [all] = ops.run('ConcatV2', [visible, last, ops.axis(1)], {
    T: { type: DataTypes.float32 },
    Tidx: { type: DataTypes.int32 },
    N: 2,
  });
  const [places] = ops.run('Minimum', [ids, ops.axis(keep)], { T: { type: DataTypes.int32 } });
  return [gather(all, places, ops)];
}

function gather(x: RawTensor, ids: RawTensor, ops: TensorFlowOps): RawTensor {
  return ops.run('GatherV2', [x, ids, ops.axis(1)], {
    batch_dims: 1,
    Tparams: { type: DataTypes.float32 },
    Tindices: { type: DataTypes.int32 },
    Taxis: { type: DataTypes.int32 },
  })[0];
}
