import {
  dispatch,
  eachStep,
  elements,
  f32,
  type GpuEngine,
  type RowGroups,
  readRow,
  rowGroups,
  rowReduction,
  rowsEntry,
  rowsHead,
  spread,
  stepTotal,
  sumOf,
  u32,
} from '@maehem/kernels';
import type { TensorInfo } from '@tensorflow/tfjs-core';

type Infos = Record<'prediction' | 'target' | 'mask', TensorInfo>;

/**
 * The number of removed patches; then the gradient and each patch's share of the loss in one pass, in which
 * visible patches are not read; then the sum of the shares.
 */
export function maskedMseWebGpu(inputs: Infos, _attrs: Record<string, never>, gpu: GpuEngine): TensorInfo[] {
  return dispatchMaskedMse(inputs, gpu);
}

/** The same, from pixels: each patch is normalised where it is compared, and nowhere else. */
export function maskedNormPixMseWebGpu(
  { prediction, patches, mask }: Record<'prediction' | 'patches' | 'mask', TensorInfo>,
  { eps }: { eps: number },
  gpu: GpuEngine,
): TensorInfo[] {
  return dispatchMaskedMse({ prediction, target: patches, mask }, gpu, eps);
}

/** @param eps of the norm-pix target, if the target is to be normalised */
function dispatchMaskedMse({ prediction, target, mask }: Infos, gpu: GpuEngine, eps?: number): TensorInfo[] {
  const values = prediction.shape[2]!;
  const rows = elements(mask);
  const groups = rowGroups(values, gpu);
  const removed = sumOf(gpu, mask);
  const gradient = gpu.allocate(prediction.shape, 'float32');
  const shares = gpu.allocate([rows], 'float32');
  dispatch(gpu, {
    key: `masked mse ${groups.key} ${eps !== undefined}`,
    wgsl: () => maskedMseWgsl(groups, eps !== undefined),
    inputs: [prediction, target, mask, removed],
    outputs: [gradient, shares],
    uniforms: [u32(rows), u32(groups.steps), f32(values), f32(eps ?? 0)],
    workgroups: spread(Math.ceil(rows / groups.rowsPerGroup)),
  });
  const loss = sumOf(gpu, shares);
  gpu.release(removed);
  gpu.release(shares);
  return [loss, gradient];
}

function maskedMseWgsl(groups: RowGroups, normPix: boolean): string {
  const { type } = groups;
  return /* wgsl */ `${rowsHead(groups)}
@group(0) @binding(0) var<storage, read> prediction: array<${type}>;
@group(0) @binding(1) var<storage, read> wanted: array<${type}>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read> removed: f32;
@group(0) @binding(4) var<storage, read_write> gradient: array<${type}>;
@group(0) @binding(5) var<storage, read_write> shares: array<f32>;
struct Sizes { rows: u32, steps: u32, values: f32, eps: f32 }
@group(0) @binding(6) var<uniform> sizes: Sizes;
${stepTotal(groups)}${rowReduction('row_share', groups)}
${normPix ? rowReduction('row_sum', groups) + rowReduction('row_squares', groups) : ''}
${rowsEntry(groups)}
  let start = row * sizes.steps;
  var weight = 0.0;
  if (row < sizes.rows) { weight = mask[row] / (removed * sizes.values); }
  // In place of a visible patch the first one is read, from a cache: what is made of it is not used.
  let from_start = select(0, start, weight != 0);
${readRow(groups, { prediction: 'from_start', wanted: 'from_start' })}
${normPix ? moments(groups) : '  let mean = 0.0;\n  let scale = 1.0;'}
  var squares = ${type}(0);
  if (row < sizes.rows) {
${eachStep(
  groups,
  ({ i, of }) => `
      var error = ${type}(0);
      if (weight != 0) { error = ${of('prediction')} - (${of('wanted')} - mean) * scale; }
      squares += error * error;
      gradient[start + ${i}] = 2 * weight * error;`,
)}
  }
  let share = weight * row_share(total(squares), lane);
  if (row < sizes.rows && lane.x == 0) { shares[row] = share; }
}`;
}

/** Of a patch that will be read: its mean, and one over its deviation. */
function moments(groups: RowGroups): string {
  const { type } = groups;
  return `
  let read_steps = select(0, sizes.steps, weight != 0);
  var sum = ${type}(0);
${eachStep(groups, ({ of }) => `sum += ${of('wanted')};`, 'read_steps')}
  let mean = row_sum(total(sum), lane) / sizes.values;
  var centred_squares = ${type}(0);
${eachStep(groups, ({ of }) => `let centred = ${of('wanted')} - mean; centred_squares += centred * centred;`, 'read_steps')}
  let variance = row_squares(total(centred_squares), lane) / (sizes.values - 1);
  let scale = inverseSqrt(variance + sizes.eps);`;
}
