import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { dispatch, f32, spread, u32 } from '../webgpu/dispatch.js';
import {
  eachStep,
  type RowGroups,
  readRow,
  rowGroups,
  rowReduction,
  rowsEntry,
  rowsHead,
  stepTotal,
} from '../webgpu/rows.js';
import { sumOf } from '../webgpu/sum.js';
import type { CrossEntropyInputs } from './inputs.js';

/** Softmax, loss and gradient of a sample in one workgroup; the samples' losses are averaged by another. */
export function crossEntropyWebGpu(
  { logits, targets }: KernelInfos<CrossEntropyInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const [batch, classes] = logits.shape as [number, number];
  const groups = rowGroups(classes, gpu);
  const dlogits = gpu.allocate([batch, classes], 'float32');
  const losses = gpu.allocate([batch], 'float32');
  dispatch(gpu, {
    key: `cross-entropy ${groups.key}`,
    wgsl: () => crossEntropyWgsl(groups),
    inputs: [logits, targets],
    outputs: [dlogits, losses],
    uniforms: [u32(batch), u32(groups.steps), f32(1 / batch)],
    workgroups: spread(Math.ceil(batch / groups.rowsPerGroup)),
  });
  const loss = sumOf(gpu, losses, { factor: 1 / batch });
  gpu.release(losses);
  return [loss, dlogits];
}

function crossEntropyWgsl(groups: RowGroups): string {
  const { type } = groups;
  return /* wgsl */ `${rowsHead(groups)}
@group(0) @binding(0) var<storage, read> logits: array<${type}>;
@group(0) @binding(1) var<storage, read> targets: array<${type}>;
@group(0) @binding(2) var<storage, read_write> dlogits: array<${type}>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
struct Sizes { rows: u32, steps: u32, inverse_batch: f32 }
@group(0) @binding(4) var<uniform> sizes: Sizes;
${stepTotal(groups)}
fn largest(step: ${type}) -> f32 {
  return ${type === 'f32' ? 'step' : 'max(max(step.x, step.y), max(step.z, step.w))'};
}
${rowReduction('row_max', groups, 'f32', 'max')}${rowReduction('row_sums', groups, 'vec3f')}
${rowsEntry(groups)}
  let start = min(row, sizes.rows - 1) * sizes.steps;
${readRow(groups, { logits: 'start', targets: 'start' })}
  var top = -0x1.fffffep+127f;
${eachStep(groups, ({ of }) => `top = max(top, largest(${of('logits')}));`)}
  top = row_max(top, lane);
  // Of the exponentials, of the targets, and of the targets' log-probabilities before normalisation.
  var sums = vec3f(0);
${eachStep(
  groups,
  ({ of }) => `
    let shifted = ${of('logits')} - top;
    let wanted = ${of('targets')};
    sums += vec3f(total(exp(shifted)), total(wanted), total(wanted * shifted));`,
)}
  sums = row_sums(sums, lane);
  if (row >= sizes.rows) { return; }
${eachStep(
  groups,
  ({ i, of }) => `
    let probability = exp(${of('logits')} - top) / sums.x;
    dlogits[start + ${i}] = (probability * sums.y - ${of('targets')}) * sizes.inverse_batch;`,
)}
  if (lane.x == 0) { losses[row] = sums.y * log(sums.x) - sums.z; }
}`;
}
