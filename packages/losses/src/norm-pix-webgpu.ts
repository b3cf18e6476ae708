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
  u32,
} from '@maehem/kernels';
import type { TensorInfo } from '@tensorflow/tfjs-core';

/** A patch's mean first, then its centred squares, then the patch is written: from registers, or a cache, after the first time. */
export function normPixWebGpu(
  { patches }: { readonly patches: TensorInfo },
  { eps }: { eps: number },
  gpu: GpuEngine,
): TensorInfo[] {
  const values = patches.shape[2]!;
  const rows = elements(patches) / values;
  const groups = rowGroups(values, gpu);
  const target = gpu.allocate(patches.shape, 'float32');
  dispatch(gpu, {
    key: `norm-pix ${groups.key}`,
    wgsl: () => normPixWgsl(groups),
    inputs: [patches],
    outputs: [target],
    uniforms: [u32(rows), u32(groups.steps), f32(values), f32(eps)],
    workgroups: spread(Math.ceil(rows / groups.rowsPerGroup)),
  });
  return [target];
}

function normPixWgsl(groups: RowGroups): string {
  const { type } = groups;
  return /* wgsl */ `${rowsHead(groups)}
@group(0) @binding(0) var<storage, read> patches: array<${type}>;
@group(0) @binding(1) var<storage, read_write> normalised: array<${type}>;
struct Sizes { rows: u32, steps: u32, values: f32, eps: f32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;
${stepTotal(groups)}${rowReduction('row_sum', groups)}${rowReduction('row_squares', groups)}
${rowsEntry(groups)}
  let start = min(row, sizes.rows - 1) * sizes.steps;
${readRow(groups, { patches: 'start' })}
  var sum = ${type}(0);
${eachStep(groups, ({ of }) => `sum += ${of('patches')};`)}
  let mean = row_sum(total(sum), lane) / sizes.values;
  var squares = ${type}(0);
${eachStep(groups, ({ of }) => `let centred = ${of('patches')} - mean; squares += centred * centred;`)}
  let scale = inverseSqrt(row_squares(total(squares), lane) / (sizes.values - 1) + sizes.eps);
  if (row >= sizes.rows) { return; }
${eachStep(groups, ({ i, of }) => `normalised[start + ${i}] = (${of('patches')} - mean) * scale;`)}
}`;
}
