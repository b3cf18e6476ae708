import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { precisionOf } from '../half/half.js';
import { readHalves } from '../half/read-halves.js';
import { compileAhead } from '../webgpu/dispatch.js';
import { contest, type Winner } from './contest.js';
import { isSpoilt, spoil } from './scratch.js';
import type { Trial, Tunable } from './tunable.js';
import { type Tuning, tuningInUse, useTuning, type WatchedKernel, watchKernels } from './tuning.js';
import { emptyTuning } from './tuning-file.js';

export interface TuneOptions {
  /** When to end, with what is known by then; 120. */
  readonly seconds?: number;
  /** Ends it in the same way. */
  readonly signal?: AbortSignal;
  /** An earlier tuning: what it holds is not measured again. */
  readonly known?: Tuning;
  readonly progress?: (progress: TuneProgress) => void;
  /** Called with all that is known whenever a kernel is done, so that nothing is lost if the process ends. */
  readonly keep?: (tuning: Tuning) => Promise<void>;
  /** A clock other than the GPU's, for tests: milliseconds of `runs` runs of a choice. */
  readonly time?: (kernel: string, choice: object, runs: number) => Promise<number>;
}

/** How far tuning is. */
export interface TuneProgress {
  /** What is being measured, and as what, or what else is being done for it; in words. */
  readonly kernel: string;
  readonly doing: string;
  /** Part of the kernels' time in a step that is decided, in [0, 1]. */
  readonly done: number;
  /** An estimate, and at most the time that was given. */
  readonly secondsLeft: number;
  /** A kernel that has just been decided. */
  readonly decided?: TunedKernel;
}

/** What was found out about a kernel. */
export interface TunedKernel {
  readonly name: string;
  /** Its part of the time that all kernels that can be tuned take in a step. */
  readonly share: number;
  readonly usualMs: number;
  /** As it is chosen now. */
  readonly ms: number;
  /** The choice in words; the usual one unless another was clearly faster. */
  readonly choice: string;
  readonly changed: boolean;
  /** Choices that were faster but gave other results: they are never taken. */
  readonly wrong: number;
}

/** What tuning found. */
export interface TuneOutcome {
  readonly tuning: Tuning;
  /** Those that were measured now, by their share. */
  readonly kernels: readonly TunedKernel[];
  /** Kernels of the step that were measured before. */
  readonly before: number;
  /** Kernels of the step that time did not suffice for. */
  readonly missing: number;
  readonly ended: 'done' | 'out of time' | 'cancelled';
}

const DEFAULT_SECONDS = 120;
/** Pages get times in steps of a tenth of a millisecond: a sample is long beside that. */
const SAMPLE_MS = 8;
/** As many runs in a sample as it takes, found out in a few tries. */
const MOST_RUNS = 1000;
const TRIES = 4;

/**
 * Measure the choices of every kernel that `work` runs, those first that take most of its time. `work`, such as a
 * training step, must run op by op, and is run once. The tuning that is in use stays so; see {@link useTuning}.
 */
export async function tuneKernels(
  gpu: GpuEngine,
  work: () => Promise<void>,
  options: TuneOptions = {},
): Promise<TuneOutcome> {
  return new Tuner(gpu, options).tune(work);
}

/** A kernel with its time as usual. */
interface Surveyed {
  readonly tunable: Tunable;
  readonly ms: number;
  /** Runs that make a sample. */
  readonly runs: number;
  readonly share: number;
}

class Tuner {
  private readonly gpu: GpuEngine;
  private readonly options: TuneOptions;
  private readonly started = performance.now();
  /** Resolves when it is to stop. */
  private readonly end: Promise<void>;
  private readonly kernels: TunedKernel[] = [];
  private tuning: Tuning;
  private done = 0;

  constructor(gpu: GpuEngine, options: TuneOptions) {
    this.gpu = gpu;
    this.options = options;
    this.tuning = options.known ?? emptyTuning(gpu);
    const { signal, seconds = DEFAULT_SECONDS } = options;
    const limit = AbortSignal.timeout(1000 * seconds);
    const ends = AbortSignal.any(signal === undefined ? [limit] : [limit, signal]);
    this.end = new Promise((resolve) => ends.addEventListener('abort', () => resolve()));
  }

  async tune(work: () => Promise<void>): Promise<TuneOutcome> {
    const watched = await this.watch(work);
    const unknown = watched.filter(({ tunable: { name } }) => !Object.hasOwn(this.tuning.measured, name));
    const order = await this.survey(unknown);
    const begun = performance.now();
    for (const kernel of order) {
      if (this.stopped()) break;
      await this.decide(kernel, () => this.secondsLeft(begun, order.length));
    }
    const missing = unknown.length - this.kernels.length;
    return {
      ...{ tuning: this.tuning, kernels: this.kernels },
      ...{ before: watched.length - unknown.length, missing },
      ended: missing === 0 ? 'done' : this.options.signal?.aborted ? 'cancelled' : 'out of time',
    };
  }

  /** What the work runs, as usual, and could run otherwise. */
  private async watch(work: () => Promise<void>): Promise<WatchedKernel[]> {
    const inUse = tuningInUse(this.gpu);
    useTuning(this.gpu, undefined);
    try {
      const watched = await watchKernels(this.gpu, work);
      return watched.filter(({ tunable }) => tunable.candidates().length > 1);
    } finally {
      useTuning(this.gpu, inUse);
    }
  }

  /** Every kernel's time as usual; those that take most of a step come first. */
  private async survey(watched: readonly WatchedKernel[]): Promise<Surveyed[]> {
    const times: (Omit<Surveyed, 'share'> & { readonly ofStep: number })[] = [];
    for (const { tunable, count } of watched) {
      if (this.stopped()) return [];
      this.tell(tunable, tunable.inWords(tunable.usual()), this.limitLeft());
      const { ms, runs } = await this.withTrial(tunable, (trial) => this.firstTime(tunable, trial));
      times.push({ tunable, ms, runs, ofStep: ms * count });
    }
    const all = times.reduce((sum, { ofStep }) => sum + ofStep, 0);
    return times
      .sort((a, b) => b.ofStep - a.ofStep)
      .map(({ ofStep, ...kernel }) => ({ ...kernel, share: ofStep / all }));
  }

  /** The usual choice's time, from as many runs as make a sample. */
  private async firstTime(tunable: Tunable, trial: Trial): Promise<{ ms: number; runs: number }> {
    const usual = tunable.usual();
    const sample = (runs: number) => this.sample(tunable, trial, usual, runs);
    let [ms, runs] = [await sample(1), 1];
    for (let tries = 0; tries < TRIES; tries++) {
      ms = Math.min(await sample(runs), await sample(runs));
      if (ms * runs >= SAMPLE_MS / 2 || runs === MOST_RUNS) break;
      runs = Math.min(MOST_RUNS, Math.ceil(SAMPLE_MS / Math.max(ms, 1e-3)));
    }
    return { ms, runs };
  }

  /** Find a kernel's choice and keep it; where time runs out on the way, nothing is known of it. */
  private async decide({ tunable, ms, runs, share }: Surveyed, secondsLeft: () => number): Promise<void> {
    const usual = tunable.usual();
    const found = await this.withTrial(tunable, async (trial) => {
      const others = await this.compiled(tunable, trial, secondsLeft());
      const measure = this.measure(tunable, trial, runs, secondsLeft);
      const winners = await contest(usual, others, measure, () => this.stopped());
      return winners && this.firstRight(tunable, trial, winners);
    });
    if (found === undefined) return;
    const { winner = { choice: usual, ms, usualMs: ms }, wrong } = found;
    const { name } = tunable;
    const measured = { ...winner, at: new Date().toISOString() };
    this.tuning = { ...this.tuning, measured: { ...this.tuning.measured, [name]: measured } };
    await this.options.keep?.(this.tuning);
    const decided: TunedKernel = {
      ...{ name, share, wrong, ms: winner.ms, usualMs: winner.usualMs },
      choice: tunable.inWords(winner.choice),
      changed: found.winner !== undefined,
    };
    this.kernels.push(decided);
    this.done += share;
    this.tell(tunable, decided.choice, secondsLeft(), decided);
  }

  /** The candidates that compile here, compiled, all at once. */
  private async compiled(tunable: Tunable, trial: Trial, secondsLeft: number): Promise<object[]> {
    const usual = JSON.stringify(tunable.usual());
    const others = tunable.candidates().filter((candidate) => JSON.stringify(candidate) !== usual);
    const failed = new Set<object>();
    this.tell(tunable, `compiling ${others.length} candidates`, secondsLeft);
    const compiling = others.map((choice) =>
      compileAhead(this.gpu, () => trial.run(choice)).catch(() => failed.add(choice)),
    );
    await Promise.race([Promise.all(compiling), this.end]);
    return others.filter((choice) => !failed.has(choice));
  }

  /** Samples of a kernel's choices. The first run of each may wait for memory and for what drivers put off. */
  private measure(tunable: Tunable, trial: Trial, runs: number, secondsLeft: () => number) {
    const warm = new Set<object>();
    return async (choice: object): Promise<number> => {
      this.tell(tunable, tunable.inWords(choice), secondsLeft());
      if (!warm.has(choice)) await this.sample(tunable, trial, choice, 1);
      warm.add(choice);
      return this.sample(tunable, trial, choice, runs);
    };
  }

  /** Milliseconds of one run. */
  private async sample(tunable: Tunable, trial: Trial, choice: object, runs: number): Promise<number> {
    const { time } = this.options;
    if (time !== undefined) return (await time(tunable.name, choice, runs)) / runs;
    const ms = await this.gpu.time(() => {
      for (let run = 0; run < runs; run++) trial.run(choice);
    });
    return ms / runs;
  }

  /** The fastest whose results are those of the usual choice. */
  private async firstRight(
    tunable: Tunable,
    trial: Trial,
    winners: readonly Winner<object>[],
  ): Promise<{ winner?: Winner<object>; wrong: number }> {
    if (winners.length === 0) return { wrong: 0 };
    const expected = await this.results(trial, tunable.usual());
    for (const [wrong, winner] of winners.entries()) {
      const made = await this.results(trial, winner.choice);
      if (made.every((values, at) => near(values, expected[at]!, trial.tolerance))) return { winner, wrong };
    }
    return { wrong: winners.length };
  }

  private async results(trial: Trial, choice: object): Promise<ArrayLike<number>[]> {
    spoil(this.gpu, trial.results);
    trial.run(choice);
    return Promise.all(trial.results.map(numbersOf));
  }

  private async withTrial<T>(tunable: Tunable, use: (trial: Trial) => Promise<T>): Promise<T> {
    const trial = tunable.open();
    try {
      return await use(trial);
    } finally {
      trial.dispose();
    }
  }

  private stopped(): boolean {
    return this.options.signal?.aborted === true || this.limitLeft() <= 0;
  }

  private limitLeft(): number {
    return (this.options.seconds ?? DEFAULT_SECONDS) - (performance.now() - this.started) / 1000;
  }

  /** As long for each of the others as for those that are done. */
  private secondsLeft(begun: number, total: number): number {
    const done = this.kernels.length;
    if (done === 0) return this.limitLeft();
    const each = (performance.now() - begun) / 1000 / done;
    return Math.min(this.limitLeft(), each * (total - done));
  }

  private tell({ name }: Tunable, doing: string, secondsLeft: number, decided?: TunedKernel): void {
    this.options.progress?.({
      ...{ kernel: name, doing },
      ...{ done: this.done, secondsLeft: Math.max(0, secondsLeft) },
      ...(decided && { decided }),
    });
  }
}

async function numbersOf(info: TensorInfo): Promise<ArrayLike<number>> {
  const values = (await tf.backend().read(info.dataId)) as Float32Array | Int32Array;
  return precisionOf(info) === 'f32' ? values : readHalves(values);
}

/** Within the tolerance of the largest number; and untouched where the others are. */
function near(values: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): boolean {
  let largest = 0;
  for (let at = 0; at < expected.length; at++)
    if (!isSpoilt(expected[at]!)) largest = Math.max(largest, Math.abs(expected[at]!));
  for (let at = 0; at < expected.length; at++) {
    const [value, wanted] = [values[at]!, expected[at]!];
    if (!Object.is(value, wanted) && !(Math.abs(value - wanted) <= tolerance * largest)) return false;
  }
  return true;
}
