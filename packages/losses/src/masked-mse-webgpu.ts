import {
  dispatch,
  elements,
  f32,
  type GpuEngine,
  type RowGroups,
  rowGroups,
  rowReduction,
  rowsEntry,
  spread,
  stepTotal,
  sumOf,
  u32,
} from '@maehem/kernels';
import type { TensorInfo } from '@tensorflow/tfjs-core';

/**
 * The number of removed patches; then the gradient and each patch's share of the loss in one pass, in which
 * visible patches are not read; then the sum of the shares.
 */
export function maskedMseWebGpu(
  { prediction, target, mask }: Record<'prediction' | 'target' | 'mask', TensorInfo>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const values = prediction.shape[2]!;
  const rows = elements(mask);
  const groups = rowGroups(values, gpu);
  const removed = sumOf(gpu, mask);
  const gradient = gpu.allocate(prediction.shape, 'float32');
  const shares = gpu.allocate([rows], 'float32');
  dispatch(gpu, {
    key: `masked mse ${groups.key}`,
    wgsl: () => maskedMseWgsl(groups),
    inputs: [prediction, target, mask, removed],
    outputs: [gradient, shares],
    uniforms: [u32(rows), u32(groups.steps), f32(values)],
    workgroups: spread(Math.ceil(rows / groups.rowsPerGroup)),
  });
  const loss = sumOf(gpu, shares);
  gpu.release(removed);
  gpu.release(shares);
  return [loss, gradient];
}

function maskedMseWgsl(groups: RowGroups): string {
  const { type, across } = groups;
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> prediction: array<${type}>;
@group(0) @binding(1) var<storage, read> wanted: array<${type}>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read> removed: f32;
@group(0) @binding(4) var<storage, read_write> gradient: array<${type}>;
@group(0) @binding(5) var<storage, read_write> shares: array<f32>;
struct Sizes { rows: u32, steps: u32, values: f32 }
@group(0) @binding(6) var<uniform> sizes: Sizes;
${stepTotal(groups)}${rowReduction('row_sum', groups)}
${rowsEntry(groups)}
  let start = row * sizes.steps;
  var weight = 0.0;
  if (row < sizes.rows) { weight = mask[row] / (removed * sizes.values); }
  var squares = ${type}(0);
  if (row < sizes.rows) {
    for (var i = lane.x; i < sizes.steps; i += ${across}) {
      var error = ${type}(0);
      if (weight != 0) { error = prediction[start + i] - wanted[start + i]; }
      squares += error * error;
      gradient[start + i] = 2 * weight * error;
    }
  }
  let share = weight * row_sum(total(squares), lane);
  if (row < sizes.rows && lane.x == 0) { shares[row] = share; }
}`;
}
