import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seed as rootKey } from '@maehem/random';
import { CONFIGS, type ConfigName } from './configs.js';
import { describeMachine, type Machine } from './machine.js';
import type { PeerBackend } from './peer.js';
import { type PeerProcess, type StepResult, startPeer } from './peer-process.js';
import { writeWorkload } from './write-workload.js';

export interface StepOptions {
  readonly backend: PeerBackend;
  readonly config: ConfigName;
  readonly batch: number;
  readonly peers: readonly string[];
  readonly runs: number;
  readonly seed: number;
  /** Called with a line of progress. */
  readonly log: (line: string) => void;
}

export interface StepRow {
  readonly name: string;
  readonly medianMs: number;
  readonly runsMs: readonly number[];
  /** The largest resident set of the peer's process, its runtime and libraries included. */
  readonly peakBytes: number;
  /** Of the warm-up steps, which train: they prove that all peers do the same work. */
  readonly losses: readonly number[];
}

/** The form of every benchmark's `--json`. */
export interface StepReport {
  readonly backend: PeerBackend;
  readonly config: ConfigName;
  readonly batch: number;
  readonly machine: Machine;
  readonly rows: readonly StepRow[];
}

const WARM_UP = 3;
const LOSS_TOLERANCE = 1e-3;

/**
 * Time whole pretraining steps of several peers in one run, interleaved (A B C A B C …), after a warm-up.
 * @throws when a peer fails, or when the losses of the warm-up differ by more than 1e-3.
 */
export async function benchStep(options: StepOptions): Promise<StepReport> {
  const { backend, config, batch, peers, runs, log } = options;
  const started: PeerProcess[] = [];
  try {
    for (const name of peers) started.push(startPeer(name));
    await initPeers(started, options);
    const warmUp = await interleave(started, WARM_UP, (line) => log(`warm-up ${line}`));
    assertSameLosses(
      warmUp.map((steps, index) => ({ name: peers[index]!, losses: steps.map(({ loss }) => loss) })),
    );
    const timed = await interleave(started, runs, log);
    const rows = peers.map((name, index) => rowOf(name, warmUp[index]!, timed[index]!));
    return { backend, config, batch, machine: describeMachine(), rows };
  } finally {
    for (const peer of started) peer.stop();
  }
}

/** Peers read the workload once; ViT-B's is half a gigabyte that should not outlive an interrupted run. */
async function initPeers(peers: readonly PeerProcess[], { backend, config, batch, seed }: StepOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'maehem-bench-'));
  try {
    writeWorkload(folder, rootKey(seed), CONFIGS[config], batch);
    for (const peer of peers) await peer.init(folder, backend);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @returns for each peer, its results in order */
async function interleave(
  peers: readonly PeerProcess[],
  rounds: number,
  log: (line: string) => void,
): Promise<StepResult[][]> {
  const results: StepResult[][] = peers.map(() => []);
  for (let round = 1; round <= rounds; round++)
    for (const [index, peer] of peers.entries()) {
      const result = await peer.step();
      results[index]!.push(result);
      log(`${round}/${rounds} ${peer.name}: ${result.ms.toFixed(1)} ms, loss ${result.loss.toFixed(6)}`);
    }
  return results;
}

/** @throws when a loss differs from the first peer's by more than the tolerance; the message shows them all. */
export function assertSameLosses(peers: readonly { name: string; losses: readonly number[] }[]): void {
  const [first] = peers;
  const differs = (loss: number, step: number) => !(Math.abs(loss - first!.losses[step]!) <= LOSS_TOLERANCE);
  if (!peers.some(({ losses }) => losses.some(differs))) return;
  const table = peers.map(({ name, losses }) => `${name} ${losses.map((loss) => loss.toFixed(6)).join(' ')}`);
  throw new Error(
    `the peers do not do the same work, their first losses differ by more than ${LOSS_TOLERANCE}: ${table.join('; ')}`,
  );
}

function rowOf(name: string, warmUp: readonly StepResult[], timed: readonly StepResult[]): StepRow {
  const runsMs = timed.map(({ ms }) => ms);
  const peakBytes = Math.max(...timed.map((result) => result.peakBytes));
  return { name, medianMs: median(runsMs), runsMs, peakBytes, losses: warmUp.map(({ loss }) => loss) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
