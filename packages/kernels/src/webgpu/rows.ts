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
 * What an invocation has of its row is **held** in registers, read before anything is done with it: all of it is on
 * its way from memory at once. A loop that reads a step and uses it waits for each.
 * On a software adapter, where a barrier costs more than a row, each invocation has a row to itself, and reads it
 * as often as it needs it. So it is with rows that are too long to be held.
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
  /** Steps that an invocation holds in registers; `undefined` where it goes to memory for each. */
  readonly held?: number;
  /** Where a row is a subgroup's. */
  readonly subgroups?: Subgroups;
  /** For pipeline keys: all that the WGSL depends on. */
  readonly key: string;
}

const WORKGROUP = 64;
const SOFTWARE_WORKGROUP = 8;
/** Steps that an invocation holds at most: what kernels make of them is in registers too. */
const MOST_HELD = 12;

/** How rows of this many numbers are shared out. */
export function rowGroups(features: number, gpu: GpuEngine): RowGroups {
  const { width, type, key } = lanes(features);
  const steps = features / width;
  const { software, subgroups } = gpuTraits(gpu);
  const shared = (across: number, rowsPerGroup: number): RowGroups => ({
    ...{ type, width, steps, across, rowsPerGroup },
    key: `${key} ${across} x ${rowsPerGroup}`,
  });
  const holding = (across: number): RowGroups => {
    const rows = shared(across, WORKGROUP / across);
    const held = Math.ceil(steps / across);
    return held > MOST_HELD ? rows : { ...rows, held, key: `${rows.key} of ${steps}` };
  };
  if (software) return shared(1, SOFTWARE_WORKGROUP);
  const across = Math.min(WORKGROUP, 2 ** Math.ceil(Math.log2(steps)));
  if (subgroups === undefined || subgroups.size > across || steps > MOST_HELD * subgroups.size)
    return holding(across);
  const rows = holding(subgroups.size);
  return { ...rows, subgroups, key: `${rows.key} subgroups` };
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

/**
 * What the invocation holds of a row, or of several rows: read here, one after the other and without a branch, so that nothing
 * waits for what comes before. Nothing where rows are not held.
 * @param names tensors, by their bindings, and where in them the row begins
 */
export function readRow(groups: RowGroups, names: Readonly<Record<string, string>>): string {
  const last = groups.steps - 1;
  return slots(groups)
    .flatMap(({ slot, i, whole }) =>
      Object.entries(names).map(
        ([name, start]) => `  let ${name}${slot} = ${name}[${start} + ${whole ? i : `min(${i}, ${last}u)`}];`,
      ),
    )
    .join('\n');
}

/** Where a step of a row is, for the text that works on it. */
export interface Step {
  /** Its place in the row, in WGSL. */
  readonly i: string;
  /** Behind the names of variables that each step has its own of. */
  readonly slot: string;
  /** A tensor's entry there: of a row that {@link readRow} has read, or from memory. */
  of(name: string, start?: string): string;
}

/**
 * The same done to each step of a row that the invocation has.
 * @param end where the row ends, if not where it always does
 */
export function eachStep(groups: RowGroups, body: (step: Step) => string, end = 'sizes.steps'): string {
  if (groups.held === undefined)
    return `  for (var i = lane.x; i < ${end}; i += ${groups.across}) {
    ${body({ i: 'i', slot: '', of: (name, start = 'start') => `${name}[${start} + i]` })}
  }`;
  return slots(groups)
    .map(({ slot, i, whole }) => {
      const text = body({ i, slot, of: (name) => `${name}${slot}` });
      return whole ? `  { ${text} }` : `  if (${i} < ${groups.steps}u) { ${text} }`;
    })
    .join('\n');
}

/** The held steps; not every invocation has the last. */
function slots({ held = 0, across, steps }: RowGroups): { slot: string; i: string; whole: boolean }[] {
  return Array.from({ length: held }, (_, slot) => ({
    ...{ slot: String(slot), i: `(lane.x + ${slot * across}u)`, whole: (slot + 1) * across <= steps },
  }));
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
