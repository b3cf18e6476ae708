import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { allocateNumbers, type Precision, precisionOf } from '../half/half.js';
import { dispatch, elements, f32, spread, u32 } from '../webgpu/dispatch.js';
import { gpuTraits } from '../webgpu/gpu-traits.js';
import {
  eachStep,
  type RowGroups,
  readRow,
  rowGroups,
  rowReduction,
  rowsEntry,
  rowsHead,
  type Step,
  stepTotal,
} from '../webgpu/rows.js';
import { addStrided } from '../webgpu/sum.js';
import type { LayerNormGradInputs, LayerNormInputs } from './inputs.js';

/**
 * A row's mean first, then its centred squares: the row comes from memory once, and is in registers, or a cache, after that.
 * @param precision of y; halves where the features are a multiple of four
 */
export function layerNormForwardWebGpu(
  { x, weight, bias }: KernelInfos<LayerNormInputs>,
  { eps }: { eps: number },
  gpu: GpuEngine,
  precision: Precision = 'f32',
): TensorInfo[] {
  const features = weight.shape[0]!;
  const rows = elements(x) / features;
  const groups = rowGroups(features, gpu);
  const moments = [gpu.allocate([rows], 'float32'), gpu.allocate([rows], 'float32')];
  const outputs = [allocateNumbers(gpu, x.shape, precision), ...moments];
  dispatch(gpu, {
    key: `layer norm ${groups.key} ${precision}`,
    wgsl: () => forwardWgsl(groups, precision),
    inputs: [x, weight, bias],
    outputs,
    uniforms: [u32(rows), u32(groups.steps), f32(features), f32(eps)],
    workgroups: spread(Math.ceil(rows / groups.rowsPerGroup)),
  });
  return outputs;
}

function forwardWgsl(groups: RowGroups, precision: Precision): string {
  const { type } = groups;
  const written = precision === 'f16' ? 'vec4h' : type;
  return /* wgsl */ `${precision === 'f16' ? 'enable f16;' : ''}${rowsHead(groups)}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read> weight: array<${type}>;
@group(0) @binding(2) var<storage, read> bias: array<${type}>;
@group(0) @binding(3) var<storage, read_write> y: array<${written}>;
@group(0) @binding(4) var<storage, read_write> means: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstds: array<f32>;
struct Sizes { rows: u32, steps: u32, features: f32, eps: f32 }
@group(0) @binding(6) var<uniform> sizes: Sizes;
${stepTotal(groups)}${rowReduction('row_sum', groups)}${rowReduction('row_squares', groups)}
${rowsEntry(groups)}
  let start = min(row, sizes.rows - 1) * sizes.steps;
${readRow(groups, { x: 'start', weight: '0u', bias: '0u' })}
  var sum = ${type}(0);
${eachStep(groups, ({ of }) => `sum += ${of('x')};`)}
  let mean = row_sum(total(sum), lane) / sizes.features;
  var squares = ${type}(0);
${eachStep(groups, ({ of }) => `let centred = ${of('x')} - mean; squares += centred * centred;`)}
  let rstd = inverseSqrt(row_squares(total(squares), lane) / sizes.features + sizes.eps);
  if (row >= sizes.rows) { return; }
${eachStep(
  groups,
  ({ i, of }) =>
    `y[start + ${i}] = ${written}((${of('x')} - mean) * rstd * ${of('weight', '0u')} + ${of('bias', '0u')});`,
)}
  if (lane.x == 0) { means[row] = mean; rstds[row] = rstd; }
}`;
}

/** Rows go to at most this many runs, each with partial sums of dweight and dbias; and to runs no shorter. */
const MOST_RUNS = 1024;
const SHORTEST_RUN = 4;

/**
 * dx, and each run's sums over its rows, in one pass over dy and x; the runs' sums are added up in a second.
 * dy may be halves.
 * @param plus like x: a gradient that reaches x on another way, added to dx
 */
export function layerNormBackwardWebGpu(
  { dy, x, weight, mean, rstd }: KernelInfos<LayerNormGradInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
  plus?: TensorInfo,
): TensorInfo[] {
  const features = weight.shape[0]!;
  const rows = mean.shape[0]!;
  const groups = rowGroups(features, gpu);
  const run = Math.max(SHORTEST_RUN, Math.ceil(rows / MOST_RUNS));
  const runs = Math.ceil(rows / run);
  const dx = gpu.allocate(x.shape, 'float32');
  const partials = gpu.allocate([2, runs, features], 'float32');
  dispatch(gpu, {
    key: `layer norm backward ${groups.key} ${sharesOf(groups)} ${precisionOf(dy)} ${plus !== undefined}`,
    wgsl: () => backwardWgsl(groups, precisionOf(dy), plus !== undefined),
    inputs: [dy, x, weight, mean, rstd, ...(plus === undefined ? [] : [plus])],
    outputs: [dx, partials],
    uniforms: [u32(rows), u32(groups.steps), f32(features), u32(run), u32(runs)],
    workgroups: spread(Math.ceil(runs / groups.rowsPerGroup)),
  });
  const sums = [gpu.allocate([features], 'float32'), gpu.allocate([features], 'float32')];
  const shares = gpuTraits(gpu).software ? SOFTWARE_SHARES : GPU_SHARES;
  dispatch(gpu, {
    key: `layer norm sums ${groups.type} ${Object.values(shares)}`,
    wgsl: () => sumsWgsl(groups, shares),
    inputs: [partials],
    outputs: sums,
    uniforms: [u32(runs), u32(groups.steps)],
    workgroups: [Math.ceil(groups.steps / shares.columns), 2],
  });
  gpu.release(partials);
  return [dx, ...sums];
}

/** Steps of a row that one invocation takes. */
function sharesOf({ steps, across }: RowGroups): number {
  return Math.ceil(steps / across);
}

/** Two rows' worth of parts, in turn: the barrier of the next row keeps this one's from being overwritten. */
const EXCHANGED = 'var<workgroup> parts: array<vec2f, 128>;';

function exchange({ across, subgroups }: RowGroups): string {
  if (across === 1) return '';
  if (subgroups !== undefined) return '    sums = subgroupAdd(sums);';
  return `    let turn = (n % 2) * 64 + lane.y * ${across};
    parts[turn + lane.x] = sums;
    workgroupBarrier();
    sums = parts[turn];
    for (var i = 1u; i < ${across}; i++) { sums += parts[turn + i]; }`;
}

/** Sums over rows that an invocation has for each of its steps: variables where it holds rows, an array elsewhere. */
function ownSums(name: string, groups: RowGroups): string {
  const { type, held } = groups;
  if (held === undefined) return `  var ${name}: array<${type}, ${sharesOf(groups)}>;`;
  return Array.from({ length: held }, (_, slot) => `  var ${name}${slot} = ${type}(0);`).join('\n');
}

function ownSum(name: string, { held, across }: RowGroups, { slot, i }: Step): string {
  return held === undefined ? `${name}[${i} / ${across}]` : `${name}${slot}`;
}

function backwardWgsl(groups: RowGroups, precision: Precision, plus: boolean): string {
  const { type, across } = groups;
  const binding = plus ? 6 : 5;
  const own = (name: string, step: Step) => ownSum(name, groups, step);
  return /* wgsl */ `${precision === 'f16' ? 'enable f16;' : ''}${rowsHead(groups)}
@group(0) @binding(0) var<storage, read> dy: array<${precision === 'f16' ? 'vec4h' : type}>;
@group(0) @binding(1) var<storage, read> x: array<${type}>;
@group(0) @binding(2) var<storage, read> weight: array<${type}>;
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read> rstds: array<f32>;
${plus ? `@group(0) @binding(5) var<storage, read> plus: array<${type}>;` : ''}
@group(0) @binding(${binding}) var<storage, read_write> dx: array<${type}>;
@group(0) @binding(${binding + 1}) var<storage, read_write> partials: array<${type}>;
struct Sizes { rows: u32, steps: u32, features: f32, run: u32, runs: u32 }
@group(0) @binding(${binding + 2}) var<uniform> sizes: Sizes;
${stepTotal(groups)}
${across === 1 || groups.subgroups !== undefined ? '' : EXCHANGED}
${rowsEntry(groups)}
${ownSums('dweight', groups)}
${ownSums('dbias', groups)}
  for (var n = 0u; n < sizes.run; n++) {
    let sample = row * sizes.run + n;
    let inside = sample < sizes.rows;
    let at = min(sample, sizes.rows - 1);
    let start = at * sizes.steps;
    let mean = means[at];
    let rstd = rstds[at];
${readRow(groups, { dy: 'start', x: 'start', weight: '0u', ...(plus ? { plus: 'start' } : {}) })}
    var sums = vec2f(0);
${eachStep(
  groups,
  (step) => `
      let gradient = select(${type}(0), ${type}(${step.of('dy')}), inside);
      let normalised = (${step.of('x')} - mean) * rstd;
      let scaled = gradient * ${step.of('weight', '0u')};
      sums += vec2f(total(scaled), total(scaled * normalised));
      ${own('dweight', step)} += gradient * normalised;
      ${own('dbias', step)} += gradient;`,
)}
${exchange(groups)}
    sums /= sizes.features;
    if (inside) {
${eachStep(
  groups,
  ({ i, of }) => `
      let normalised = (${of('x')} - mean) * rstd;
      let scaled = ${type}(${of('dy')}) * ${of('weight', '0u')};
      dx[start + ${i}] = (scaled - sums.x - normalised * sums.y) * rstd${plus ? ` + ${of('plus')}` : ''};`,
)}
    }
  }
  if (row >= sizes.runs) { return; }
${eachStep(
  groups,
  (step) => `
    partials[row * sizes.steps + ${step.i}] = ${own('dweight', step)};
    partials[(sizes.runs + row) * sizes.steps + ${step.i}] = ${own('dbias', step)};`,
)}
}`;
}

/** Columns of a workgroup that adds up partial sums, invocations that share one, and what each reads together. */
interface SumShares {
  readonly columns: number;
  readonly sharing: number;
  readonly together: number;
}

const GPU_SHARES: SumShares = { columns: 16, sharing: 16, together: 8 };
const SOFTWARE_SHARES: SumShares = { columns: 8, sharing: 1, together: 1 };

/** Columns of both halves of the partial sums. */
function sumsWgsl({ type }: RowGroups, { columns, sharing, together }: SumShares): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> partials: array<${type}>;
@group(0) @binding(1) var<storage, read_write> dweight: array<${type}>;
@group(0) @binding(2) var<storage, read_write> dbias: array<${type}>;
struct Sizes { runs: u32, steps: u32 }
@group(0) @binding(3) var<uniform> sizes: Sizes;
${sharing === 1 ? '' : `var<workgroup> parts: array<${type}, ${columns * sharing}>;`}
@compute @workgroup_size(${columns}, ${sharing})
fn main(@builtin(local_invocation_id) lane: vec3u, @builtin(workgroup_id) group: vec3u) {
  let column = group.x * ${columns} + lane.x;
  let first = group.y * sizes.runs * sizes.steps + min(column, sizes.steps - 1);
  var sum = ${type}(0);
${addStrided({
  ...{ into: 'sum', type, first: 'lane.y', stride: `${sharing}u`, end: 'sizes.runs' },
  ...{ read: (run) => `partials[first + ${run} * sizes.steps]`, together },
})}
${
  sharing === 1
    ? ''
    : `  parts[lane.y * ${columns} + lane.x] = sum;
  workgroupBarrier();
  if (lane.y > 0) { return; }
  for (var part = 1u; part < ${sharing}; part++) { sum += parts[part * ${columns} + lane.x]; }
`
}  if (column >= sizes.steps) { return; }
  if (group.y == 0) { dweight[column] = sum; } else { dbias[column] = sum; }
}`;
}
