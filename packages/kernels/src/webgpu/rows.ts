import type { GpuEngine } from '@maehem/backend';
import { gpuTraits } from './gpu-traits.js';
import { lanes } from './lanes.js';
import { type Subgroups, subgroupsAttribute, subgroupsHead } from './subgroups.js';

/**
 * Kernels that reduce rows: a workgroup of 64 takes as many rows as fit, each row as many invocations as it
 * has steps (of one number or of four), up to 64. What an invocation gathered goes to workgroup memory, and
 * after one barrier each adds up its row's parts: on narrow rows that costs less than a tree of barriers.
 * Where subgroups have a known size, and a row has about as many steps, a row is a subgroup's: nothing is
 * exchanged through memory, and nobody waits at a barrier.
 * On a software adapter, where a barrier costs more than a row, each invocation has a row to itself.
 */
export interface RowGroups {
  /** The WGSL type of a step, and how many numbers it is. */
  readonly type: 'f32' | 'vec4f';
  readonly width: 1 | 4;
  /** Steps of a row. */
  readonly steps: number;
  /** Invocations that share a row, and rows that share a workgroup. */
  readonly across: number;
  readonly rowsPerGroup: number;
  /** Where a row is a subgroup's. */
  readonly subgroups?: Subgroups;
  /** For pipeline keys: all that the WGSL depends on. */
  readonly key: string;
}

const WORKGROUP = 64;
const SOFTWARE_WORKGROUP = 8;
/** Steps that an invocation of a subgroup takes at most: kernels keep something of each in registers. */
const MOST_STEPS = 12;

/** How rows of this many numbers are shared out. */
export function rowGroups(features: number, gpu: GpuEngine): RowGroups {
  const { width, type, key } = lanes(features);
  const steps = features / width;
  const { software, subgroups: known } = gpuTraits(gpu);
  const shared = (across: number, rowsPerGroup: number): RowGroups => ({
    ...{ type, width, steps, across, rowsPerGroup },
    key: `${key} ${across} x ${rowsPerGroup}`,
  });
  if (software) return shared(1, SOFTWARE_WORKGROUP);
  const across = Math.min(WORKGROUP, 2 ** Math.ceil(Math.log2(steps)));
  if (known === undefined || known.size > across || steps > MOST_STEPS * known.size)
    return shared(across, WORKGROUP / across);
  const rows = shared(known.size, WORKGROUP / known.size);
  return { ...rows, subgroups: known, key: `${rows.key} subgroups` };
}

/** What the WGSL begins with. */
export function rowsHead({ subgroups }: RowGroups): string {
  return subgroups === undefined ? '' : subgroupsHead(subgroups);
}

/**
 * The entry point's head: `lane.x` is the place in the row, `group_row` the row of the workgroup's `lane.y`.
 * What follows is its body.
 */
export function rowsEntry({ across, rowsPerGroup, subgroups }: RowGroups): string {
  if (subgroups !== undefined)
    return `
@compute @workgroup_size(${WORKGROUP}) ${subgroupsAttribute(subgroups)}
fn main(
  @builtin(subgroup_invocation_id) place: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let lane = vec3u(place, subgroup, 0);
  let row = (group.x + group.y * groups.x) * ${rowsPerGroup} + lane.y;`;
  return `
@compute @workgroup_size(${across}, ${rowsPerGroup})
fn main(
  @builtin(local_invocation_id) lane: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let row = (group.x + group.y * groups.x) * ${rowsPerGroup} + lane.y;`;
}

/** The sum, or the maximum, of a value over a row: `name(value, lane)`. One call of each name in a kernel. */
export function rowReduction(
  name: string,
  { across, subgroups }: RowGroups,
  type: 'f32' | 'vec2f' | 'vec3f' = 'f32',
  combine: 'sum' | 'max' = 'sum',
): string {
  if (subgroups !== undefined) {
    const whole = combine === 'sum' ? 'subgroupAdd' : 'subgroupMax';
    return `\nfn ${name}(value: ${type}, _lane: vec3u) -> ${type} { return ${whole}(value); }`;
  }
  if (across === 1) return `\nfn ${name}(value: ${type}, _lane: vec3u) -> ${type} { return value; }`;
  const next = `${name}_parts[lane.y * ${across} + i]`;
  return `
var<workgroup> ${name}_parts: array<${type}, ${WORKGROUP}>;
fn ${name}(value: ${type}, lane: vec3u) -> ${type} {
  ${name}_parts[lane.y * ${across} + lane.x] = value;
  workgroupBarrier();
  var result = ${name}_parts[lane.y * ${across}];
  for (var i = 1u; i < ${across}; i++) { result ${combine === 'sum' ? `+= ${next}` : `= max(result, ${next})`}; }
  return result;
}`;
}

/** The sum over the numbers of one step: `total(step)`. */
export function stepTotal({ type }: RowGroups): string {
  return `
fn total(step: ${type}) -> f32 { return ${type === 'f32' ? 'step' : 'dot(step, vec4f(1))'}; }`;
}
