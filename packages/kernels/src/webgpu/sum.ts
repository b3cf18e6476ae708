import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, f32, u32 } from './dispatch.js';
import { gpuTraits } from './gpu-traits.js';
import { type Subgroups, subgroupsAttribute, subgroupsHead } from './subgroups.js';

/** What a loop adds up, and how; in WGSL. */
interface StridedSum {
  /** The variable that takes the sum, and its type. */
  readonly into: string;
  readonly type: string;
  /** The first index, the distance to the next, and where indices end: above the first. */
  readonly first: string;
  readonly stride: string;
  readonly end: string;
  readonly read: (index: string) => string;
  /** What is added for what was read. */
  readonly term?: (value: string) => string;
  /** How many are read before the first of them is waited for. */
  readonly together: number;
}

/** A loop that adds up. A GPU's compiler leaves it as it is: with one read in a turn, each turn waits for memory. */
export function addStrided({ into, type, first, stride, end, read, together, ...sum }: StridedSum): string {
  const { term = (value) => value } = sum;
  if (together === 1)
    return `  for (var i = ${first}; i < ${end}; i += ${stride}) {
    let part = ${read('i')};
    ${into} += ${term('part')};
  }`;
  const each = Array.from({ length: together }, (_, n) => ({ n, index: `(i + ${n}u * ${stride})` }));
  return `  for (var i = ${first}; i < ${end}; i += ${together}u * ${stride}) {
${each.map(({ n, index }) => `    let part${n} = ${read(`min(${index}, ${end} - 1)`)};`).join('\n')}
${each.map(({ n, index }) => `    ${into} += select(${type}(0), ${term(`part${n}`)}, ${index} < ${end});`).join('\n')}
  }`;
}

/** How the invocations of one workgroup add up numbers: {@link workgroupSum}. */
export interface WorkgroupSum {
  /** Invocations; a square. */
  readonly size: number;
  /** Numbers that each reads before it waits for the first. */
  readonly together: number;
  /** What adds up its own without workgroup memory. */
  readonly subgroups?: Subgroups;
  /** For pipeline keys. */
  readonly key: string;
}

/** Barriers are dear on a software adapter, which runs four at a time. */
export function workgroupSum(gpu: GpuEngine): WorkgroupSum {
  const { software, subgroups } = gpuTraits(gpu);
  if (software) return { size: 4, together: 1, key: 'by 4' };
  if (subgroups === undefined) return { size: 256, together: 4, key: 'by 256' };
  return { size: 256, together: 4, subgroups, key: `by 256 in subgroups of ${subgroups.size}` };
}

/** What the WGSL begins with. */
export function workgroupSumHead({ subgroups }: WorkgroupSum): string {
  return subgroups === undefined ? '' : subgroupsHead(subgroups);
}

/** The entry point's head, with the workgroup's number `group` and the invocation's `lane`. What follows is its body. */
export function workgroupSumEntry({ size, subgroups }: WorkgroupSum): string {
  const known = subgroups !== undefined;
  return `@compute @workgroup_size(${size}) ${known ? subgroupsAttribute(subgroups) : ''}
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  ${known ? '@builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) member: u32,' : ''}
) {
  let place = ${known ? 'vec3u(lane, subgroup, member)' : 'vec3u(lane, 0, 0)'};`;
}

/** `workgroup_sum(value, place)`: the sum over the workgroup, right in lane 0 alone. To be called once. */
export function workgroupSumFunction({ size, subgroups }: WorkgroupSum): string {
  if (subgroups !== undefined) {
    const parts = Array.from({ length: size / subgroups.size }, (_, part) => `parts[${part}]`);
    return `
var<workgroup> parts: array<f32, ${parts.length}>;
fn workgroup_sum(value: f32, place: vec3u) -> f32 {
  let own = subgroupAdd(value);
  if (place.z == 0) { parts[place.y] = own; }
  workgroupBarrier();
  return ${parts.join(' + ')};
}`;
  }
  const runs = Math.sqrt(size);
  return `
var<workgroup> parts: array<f32, ${size}>;
fn workgroup_sum(value: f32, place: vec3u) -> f32 {
  let lane = place.x;
  parts[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  if (lane < ${runs}) {
    for (var i = 0u; i < ${runs}; i++) { sum += parts[lane * ${runs} + i]; }
    parts[lane * ${runs}] = sum;
  }
  workgroupBarrier();
  sum = 0;
  if (lane == 0) {
    for (var i = 0u; i < ${runs}; i++) { sum += parts[i * ${runs}]; }
  }
  return sum;
}`;
}

/** A scalar: the sum of some thousand numbers, such as one for each row, times a factor; or the root of that. One workgroup. */
export function sumOf(
  gpu: GpuEngine,
  numbers: TensorInfo,
  { factor = 1, root = false }: { readonly factor?: number; readonly root?: boolean } = {},
): TensorInfo {
  const result = gpu.allocate([], 'float32');
  const sum = workgroupSum(gpu);
  dispatch(gpu, {
    key: `${root ? 'root of sum' : 'sum'} of numbers ${sum.key}`,
    wgsl: () => sumWgsl(sum, root),
    inputs: [numbers],
    outputs: [result],
    uniforms: [u32(elements(numbers)), f32(factor)],
    workgroups: [1],
  });
  return result;
}

function sumWgsl(sum: WorkgroupSum, root: boolean): string {
  const { size, together } = sum;
  return /* wgsl */ `${workgroupSumHead(sum)}
@group(0) @binding(0) var<storage, read> numbers: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: f32;
struct Sizes { count: u32, factor: f32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;
${workgroupSumFunction(sum)}
${workgroupSumEntry(sum)}
  var own = 0.0;
${addStrided({
  ...{ into: 'own', type: 'f32', first: 'lane', stride: `${size}u`, end: 'sizes.count' },
  ...{ read: (i) => `numbers[${i}]`, together },
})}
  let sum = workgroup_sum(own, place);
  if (lane == 0) { result = ${root ? 'sqrt(sum * sizes.factor)' : 'sum * sizes.factor'}; }
}`;
}
