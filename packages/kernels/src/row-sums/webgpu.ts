import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, u32 } from '../webgpu/dispatch.js';
import { gpuTraits } from '../webgpu/gpu-traits.js';
import { lanes } from '../webgpu/lanes.js';
import { addStrided } from '../webgpu/sum.js';

/** Columns of a workgroup. */
const WORKGROUP = 32;
/** Rows go to at most this many runs, and to runs no shorter. */
const MOST_RUNS = 128;
const SHORTEST_RUN = 64;
/** Rows that an invocation reads before it waits for the first. */
const TOGETHER = 8;

export function sumRowsWebGpu(
  { x }: { readonly x: TensorInfo },
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  return [sumOfRows(gpu, x)];
}

/** Visible rows are not read. */
export function hiddenSumWebGpu(
  { dy, dvisible, ids }: Record<'dy' | 'dvisible' | 'ids', TensorInfo>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  return [sumOfRows(gpu, dy, { ids, from: dvisible.shape[1]! })];
}

/** Each run of rows by itself; if there are several, their sums once more. */
function sumOfRows(gpu: GpuEngine, x: TensorInfo, chosen?: { ids: TensorInfo; from: number }): TensorInfo {
  const features = x.shape[x.shape.length - 1]!;
  const rows = elements(x) / features;
  const { width, type, key } = lanes(features);
  const steps = features / width;
  const run = Math.max(SHORTEST_RUN, Math.ceil(rows / MOST_RUNS));
  const runs = Math.ceil(rows / run);
  const together = gpuTraits(gpu).software ? 1 : TOGETHER;
  const sums = gpu.allocate(runs === 1 ? [features] : [runs, features], 'float32');
  dispatch(gpu, {
    key: `sum of rows ${key} ${chosen !== undefined} ${together}`,
    wgsl: () => sumRowsWgsl(type, chosen !== undefined, together),
    inputs: chosen === undefined ? [x] : [x, chosen.ids],
    outputs: [sums],
    uniforms: [u32(rows), u32(steps), u32(run), u32(chosen?.from ?? 0)],
    workgroups: [Math.ceil(steps / WORKGROUP), runs],
  });
  if (runs === 1) return sums;
  const total = sumOfRows(gpu, sums);
  gpu.release(sums);
  return total;
}

function sumRowsWgsl(type: string, chosen: boolean, together: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
${chosen ? '@group(0) @binding(1) var<storage, read> ids: array<i32>;' : ''}
@group(0) @binding(${chosen ? 2 : 1}) var<storage, read_write> sums: array<${type}>;
struct Sizes { rows: u32, steps: u32, run: u32, from_id: u32 }
@group(0) @binding(${chosen ? 3 : 2}) var<uniform> sizes: Sizes;
${chosen ? hiddenWgsl(type, together) : ''}
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= sizes.steps) { return; }
  var sum = ${type}(0);
  let end = min((id.y + 1) * sizes.run, sizes.rows);
${addStrided({
  ...{ into: 'sum', type, first: 'id.y * sizes.run', stride: '1u', end: 'end', together },
  read: (row) => (chosen ? `hidden(${row}, id.x)` : `x[${row} * sizes.steps + id.x]`),
})}
  sums[id.y * sizes.steps + id.x] = sum;
}`;
}

/** A step of a row, or nothing where the row is a visible token's. A GPU would wait at the branch that spares it the read. */
function hiddenWgsl(type: string, together: number): string {
  const read = 'x[row * sizes.steps + step]';
  return `fn hidden(row: u32, step: u32) -> ${type} {
  let visible = u32(ids[row]) < sizes.from_id;
  ${together === 1 ? `if (visible) { return ${type}(0); }\n  return ${read};` : `return select(${read}, ${type}(0), visible);`}
}`;
}
