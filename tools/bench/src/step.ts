import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seed as rootKey } from '@maehem/random';
import { CONFIGS, type ConfigName } from './configs.js';
import { drawWorkload } from './draw-workload.js';
import type { GpuRecord } from './gpu-recorder.js';
import { describeMachine, type Machine } from './machine.js';
import type { Engine } from './peer.js';
import { isIdle } from './peer-gpu.js';
import { type PeerProcess, type StepResult, startPeer } from './peer-process.js';
import { parsePeer } from './peers.js';
import { writeManifest, writeWorkload } from './write-workload.js';

export interface StepOptions {
  readonly engine: Engine;
  readonly config: ConfigName;
  readonly batch: number;
  readonly peers: readonly string[];
  readonly runs: number;
  readonly seed: number;
  /** By `performance.now()`: no further peer starts then, and no further run begins. */
  readonly until?: number;
  /** A peer whose losses differ from the first one's drops out, and the others go on. */
  readonly dropsWrong?: boolean;
  /** Called with a line of progress. */
  readonly log: (line: string) => void;
}

interface StepRow {
  readonly name: string;
  readonly medianMs: number;
  readonly runsMs: readonly number[];
  /** Of the process's threads together, where the peer tells it. */
  readonly medianCpuMs?: number;
  /** The largest resident set of the peer's process, its runtime and libraries included. */
  readonly peakBytes: number;
  /** Of the warm-up steps, which train: they prove that all peers do the same work. */
  readonly losses: readonly number[];
  /** What the engine holds after the last step, where it tells. */
  readonly heapBytes?: number;
  /** On WebGPU: what the last step asked of the GPU. */
  readonly gpu?: GpuRecord;
  /** The GPU's own time, where it was taken. */
  readonly medianGpuMs?: number;
}

/** The form of every benchmark's `--json`. */
export interface StepReport extends Engine {
  readonly config: ConfigName;
  readonly batch: number;
  readonly machine: Machine;
  readonly rows: readonly StepRow[];
  /** Peers that could not do this work, and why. */
  readonly failed: readonly { readonly name: string; readonly reason: string }[];
}

const WARM_UP = 3;
/** Half precision has three significant digits; its errors are averaged over thousands of pixels. */
const LOSS_TOLERANCE = { float32: 1e-3, half: 1e-2 };

/** A peer in the race; one that fails drops out and the others go on. */
interface Entrant {
  readonly peer: PeerProcess;
  readonly steps: StepResult[];
  failure?: string;
}

/**
 * Time whole pretraining steps of several peers in one run, interleaved (A B C A B C …), after a warm-up.
 * @param start where peers live: each in a process of its own unless told
 * @throws when the first peer fails, or when the losses of the warm-up differ by more than 1e-3 (half precision: 1e-2).
 */
export async function benchStep(
  options: StepOptions,
  start: (name: string) => PeerProcess = startPeer,
): Promise<StepReport> {
  const { engine, config, batch, runs, until = Number.POSITIVE_INFINITY } = options;
  const entrants: Entrant[] = options.peers.map((name) => ({ peer: start(name), steps: [] }));
  const running = () => entrants.filter(({ failure }) => failure === undefined);
  try {
    await initPeers(entrants, options);
    for (let step = 0; step < WARM_UP + runs; step++) {
      if (step > WARM_UP && performance.now() > until) break;
      for (const entrant of running()) await takeStep(entrant, step, options);
      if (step === WARM_UP - 1 && !isIdle(engine.gpu ?? 'real')) compareLosses(running(), options);
    }
    const failed = entrants.flatMap(({ peer: { name }, failure }) =>
      failure === undefined ? [] : [{ name, reason: failure.split('\n')[0]! }],
    );
    return { ...engine, config, batch, machine: describeMachine(), rows: running().map(rowOf), failed };
  } finally {
    for (const { peer } of entrants) peer.stop();
  }
}

function tolerance({ engine, peers }: StepOptions): number {
  const exact = peers.every((name) => (parsePeer(name).own.precision ?? engine.precision) === 'float32');
  return LOSS_TOLERANCE[exact ? 'float32' : 'half'];
}

/** Peers read the workload once; ViT-B's is half a gigabyte that should not outlive an interrupted run. */
async function initPeers(entrants: readonly Entrant[], options: StepOptions): Promise<void> {
  const { engine, config, batch, seed } = options;
  const folder = mkdtempSync(join(tmpdir(), 'maehem-bench-'));
  try {
    const workload = drawWorkload(rootKey(seed), CONFIGS[config], batch);
    if (isIdle(engine.gpu ?? 'real')) writeManifest(folder, workload);
    else writeWorkload(folder, workload);
    const work = { folder, config: CONFIGS[config], batch, seed };
    for (const entrant of entrants)
      await attempt(entrant, options, () => {
        if (performance.now() > (options.until ?? Number.POSITIVE_INFINITY))
          throw new Error(`${entrant.peer.name}: no time left`);
        return entrant.peer.init(work, engine);
      });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function takeStep(entrant: Entrant, step: number, options: StepOptions): Promise<void> {
  const { runs, log } = options;
  await attempt(entrant, options, async () => {
    const result = await entrant.peer.step();
    entrant.steps.push(result);
    const place = step < WARM_UP ? `warm-up ${step + 1}/${WARM_UP}` : `${step + 1 - WARM_UP}/${runs}`;
    log(`${place} ${entrant.peer.name}: ${result.ms.toFixed(1)} ms, loss ${result.loss.toFixed(6)}`);
  });
}

/** A peer may be too big for its engine, which is a result; without the first one there is nothing to compare. */
async function attempt(
  entrant: Entrant,
  { peers, log }: StepOptions,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (entrant.peer.name === peers[0]) throw error;
    entrant.failure = (error as Error).message;
    entrant.peer.stop(); // It may hold gigabytes.
    log(entrant.failure);
  }
}

function compareLosses(entrants: readonly Entrant[], options: StepOptions): void {
  const named = entrants.map(({ peer, steps }) => ({ name: peer.name, losses: warmUpLosses(steps) }));
  if (!options.dropsWrong) return assertSameLosses(named, tolerance(options));
  for (const [index, entrant] of entrants.entries())
    try {
      assertSameLosses([named[0]!, named[index]!], tolerance(options));
    } catch (error) {
      entrant.failure = (error as Error).message;
      entrant.peer.stop();
    }
}

/** @throws when a loss differs from the first peer's by more than the tolerance; the message shows them all. */
export function assertSameLosses(
  peers: readonly { name: string; losses: readonly number[] }[],
  tolerance: number,
): void {
  const [first] = peers;
  const differs = (loss: number, step: number) => !(Math.abs(loss - first!.losses[step]!) <= tolerance);
  if (!peers.some(({ losses }) => losses.some(differs))) return;
  const table = peers.map(({ name, losses }) => `${name} ${losses.map((loss) => loss.toFixed(6)).join(' ')}`);
  throw new Error(
    `the peers do not do the same work, their first losses differ by more than ${tolerance}: ${table.join('; ')}`,
  );
}

function rowOf({ peer: { name }, steps }: Entrant): StepRow {
  const runsMs = steps.slice(WARM_UP).map(({ ms }) => ms);
  const peakBytes = Math.max(...steps.map((step) => step.peakBytes));
  const { gpu, heapBytes } = steps.at(-1)!;
  const gpuMs = steps.slice(WARM_UP).flatMap((step) => gpuTime(step.gpu));
  const cpuMs = steps.slice(WARM_UP).flatMap((step) => step.cpuMs ?? []);
  return {
    ...{ name, medianMs: median(runsMs), runsMs, peakBytes, losses: warmUpLosses(steps) },
    ...(cpuMs.length === 0 ? {} : { medianCpuMs: median(cpuMs) }),
    ...(heapBytes === undefined ? {} : { heapBytes }),
    ...(gpu === undefined ? {} : { gpu }),
    ...(gpuMs.length === 0 ? {} : { medianGpuMs: median(gpuMs) }),
  };
}

function gpuTime({ kernels = [] }: Partial<GpuRecord> = {}): number[] {
  return kernels.length === 0 ? [] : [kernels.reduce((total, { ms }) => total + ms, 0)];
}

function warmUpLosses(steps: readonly StepResult[]): number[] {
  return steps.slice(0, WARM_UP).map(({ loss }) => loss);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
