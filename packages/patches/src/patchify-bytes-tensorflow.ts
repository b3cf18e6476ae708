import { DataTypes, type RawTensor, type TensorFlowOps } from '@maehem/backend';
import type { KernelRawTensors } from '@maehem/kernels';
import { type PatchifyBytesAttrs, type PatchifyBytesInputs, patchesShape } from './patchify-bytes-kernel.js';

/** Places in the table are sums in float32: with a GPU, TensorFlow adds int32 on the host. */
export function patchifyBytesTensorFlow(
  { pixels, levels }: KernelRawTensors<PatchifyBytesInputs>,
  attrs: PatchifyBytesAttrs,
  ops: TensorFlowOps,
): RawTensor[] {
  const { height, width, channels, patchHeight, patchWidth } = attrs;
  const [batch, words] = pixels.shape as [number, number];
  const kept = levels.shape[0]!;
  const [rows, columns] = [height / patchHeight, width / patchWidth];
  const int32 = { T: { type: DataTypes.int32 } };
  const bits = ops.integers([0, 8, 16, 24]);
  const [shifted] = ops.run('RightShift', [ops.reshape(pixels, [batch, words, 1]), bits], int32);
  const [unpacked] = ops.run('BitwiseAnd', [shifted, ops.axis(255)], int32);
  const filled = ops.reshape(ops.cast(unpacked, DataTypes.float32), [batch, words * 4]);
  const bytes = firstColumns(filled, height * width * channels, ops);
  const strips = ops.reshape(bytes, [batch * rows, patchHeight, columns, patchWidth * channels]);
  const pixelRows = ops.reshape(ops.transpose(strips, [0, 2, 1, 3]), [batch * height * width, channels]);
  const starts = ops.integers(Array.from({ length: kept }, (_, channel) => 256 * channel));
  const sums = ops.add(firstColumns(pixelRows, kept, ops), ops.cast(starts, DataTypes.float32));
  const [numbers] = ops.run(
    'GatherV2',
    [ops.reshape(levels, [kept * 256]), ops.cast(sums, DataTypes.int32), ops.axis(0)],
    {
      batch_dims: 0,
      Tparams: { type: DataTypes.float32 },
      Tindices: { type: DataTypes.int32 },
      Taxis: { type: DataTypes.int32 },
    },
  );
  return [ops.reshape(numbers, patchesShape(batch, kept, attrs))];
}

function firstColumns(x: RawTensor, count: number, ops: TensorFlowOps): RawTensor {
  const [rows, columns] = x.shape as [number, number];
  if (columns === count) return x;
  return ops.run('Slice', [x, ops.integers([0, 0]), ops.integers([rows, count])], {
    T: { type: x.dtype },
    Index: { type: DataTypes.int32 },
  })[0];
}
