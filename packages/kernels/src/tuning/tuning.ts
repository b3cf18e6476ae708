import type { GpuEngine } from '@maehem/backend';
import type { Tunable } from './tunable.js';

/** What was measured of one kernel. */
export interface Measured {
  /** The fastest choice; the usual one where no other was clearly faster. */
  readonly choice: object;
  readonly ms: number;
  readonly usualMs: number;
  /** When, as ISO 8601. */
  readonly at: string;
}

/**
 * Choices that were measured, and stand in for those that are computed. Nothing is measured unless somebody asks for
 * it: without a tuning the same shapes take the same tiles on every day.
 */
export interface Tuning {
  /** The adapter and its driver: times on another say nothing. */
  readonly adapter: string;
  /** The kernels that were measured: after a change to one of them, times say nothing either. */
  readonly kernels: string;
  /** By the names of kernels. */
  readonly measured: { readonly [name: string]: Measured };
}

/** What an adapter says of itself: vendor, architecture, device, driver. */
export function adapterKey({ device }: GpuEngine): string {
  const { vendor, architecture, device: model, description } = device.adapterInfo;
  return [vendor, architecture, model, description].filter((part) => part !== '').join(', ');
}

/** Kernels that are not as usual, and when the newest of all was measured. */
export function summariseTuning({ measured }: Tuning): { kernels: number; tuned: number; at: string } {
  const all = Object.values(measured);
  const [newest = ''] = all
    .map(({ at }) => at)
    .sort()
    .reverse();
  return { kernels: all.length, tuned: all.filter(({ ms, usualMs }) => ms < usualMs).length, at: newest };
}

/** What is known of an adapter, and what was measured of it now. */
export function joinTunings(known: Tuning | undefined, newer: Tuning): Tuning {
  return { ...newer, measured: { ...known?.measured, ...newer.measured } };
}

/** What one device takes, and what is being watched on it. */
interface State {
  tuning: Tuning | undefined;
  /** By name: what was measured and can be taken, `undefined` where the usual choice holds. */
  readonly taken: Map<string, object | undefined>;
  watched: Map<string, WatchedKernel> | undefined;
}

/** A kernel that some work runs, and how often. */
export interface WatchedKernel {
  readonly tunable: Tunable;
  count: number;
}

const devices = new WeakMap<GPUDevice, State>();

function stateOf({ device }: GpuEngine): State {
  const known = devices.get(device);
  if (known !== undefined) return known;
  const made: State = { tuning: undefined, taken: new Map(), watched: undefined };
  devices.set(device, made);
  return made;
}

/**
 * Kernels of this engine take these choices from now on; those that it does not hold, and all of them without a tuning,
 * take the usual ones. Steps that are captured already keep what they were captured with.
 */
export function useTuning(gpu: GpuEngine, tuning: Tuning | undefined): void {
  const state = stateOf(gpu);
  state.tuning = tuning;
  state.taken.clear();
}

/** The tuning that this engine's kernels take their choices from. */
export function tuningInUse(gpu: GpuEngine): Tuning | undefined {
  return devices.get(gpu.device)?.tuning;
}

/** How a kernel is to be shared out: as measured, or as usual. */
export function choose<Choice extends object>(
  gpu: GpuEngine,
  usual: () => Choice,
  describe: () => Tunable<Choice>,
): Choice {
  const state = devices.get(gpu.device);
  if (state === undefined || (state.tuning === undefined && state.watched === undefined)) return usual();
  const tunable = describe();
  if (state.watched !== undefined) watch(state.watched, tunable);
  return takenChoice(state, tunable) ?? usual();
}

function watch(watched: Map<string, WatchedKernel>, tunable: Tunable): void {
  const known = watched.get(tunable.name);
  if (known === undefined) watched.set(tunable.name, { tunable, count: 1 });
  else known.count++;
}

/** A kept choice is taken where it is one of the candidates: who knows what was done to the file. */
function takenChoice<Choice extends object>(
  { tuning, taken }: State,
  tunable: Tunable<Choice>,
): Choice | undefined {
  const { name } = tunable;
  if (!taken.has(name)) {
    const kept = JSON.stringify(tuning?.measured[name]?.choice);
    taken.set(
      name,
      tunable.candidates().find((candidate) => JSON.stringify(candidate) === kept),
    );
  }
  return taken.get(name) as Choice | undefined;
}

/** The kernels that can be tuned among those that `work` runs op by op: what a captured step replays is not seen. */
export async function watchKernels(gpu: GpuEngine, work: () => Promise<void>): Promise<WatchedKernel[]> {
  const state = stateOf(gpu);
  const watched = new Map<string, WatchedKernel>();
  state.watched = watched;
  try {
    await work();
  } finally {
    state.watched = undefined;
  }
  return [...watched.values()];
}
