import { DataTypes, type RawTensor, type TensorFlowOps } from '@maehem/backend';
import type { KernelRawTensors } from '@maehem/kernels';
import { type PatchifyBytesAttrs, type PatchifyBytesInputs, patchesShape } from './patchify-bytes-kernel.js';

/** TensorFlow has bytes: they are moved while they are small, and looked up at last. */
export function patchifyBytesTensorFlow(
  { pixels, levels }: KernelRawTensors<PatchifyBytesInputs>,
  attrs: PatchifyBytesAttrs,
  ops: TensorFlowOps,
): RawTensor[] {
  const { height, width, channels, patchHeight, patchWidth } = attrs;
  const [batch, words] = pixels.shape as [number, number];
  const kept = levels.shape[0]!;
  const [rows, columns] = [height / patchHeight, width / patchWidth];
  const [unpacked] = ops.run('Bitcast', [pixels], {
    T: { type: DataTypes.int32 },
    type: { type: DataTypes.uint8 },
  });
  const bytes = firstColumns(ops.reshape(unpacked, [batch, words * 4]), height * width * channels, ops);
  const strips = ops.reshape(bytes, [batch * rows, patchHeight, columns, patchWidth * channels]);
  const pixelRows = ops.reshape(ops.transpose(strips, [0, 2, 1, 3]), [batch * height * width, channels]);
  const starts = ops.integers(Array.from({ length: kept }, (_, channel) => 256 * channel));
  const places = ops.add(ops.cast(firstColumns(pixelRows, kept, ops), DataTypes.int32), starts);
  const [numbers] = ops.run('GatherV2', [ops.reshape(levels, [kept * 256]), places, ops.axis(0)], {
    batch_dims: 0,
    Tparams: { type: DataTypes.float32 },
    Tindices: { type: DataTypes.int32 },
    Taxis: { type: DataTypes.int32 },
  });
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
