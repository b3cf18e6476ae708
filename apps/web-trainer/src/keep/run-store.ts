import type { Tuning } from '@maehem/kernels';
import type { PretrainSettings } from '@maehem/settings';
import {
  type CheckpointInfo,
  MODEL_FILE,
  OPTIMIZER_FILE,
  parseCheckpointInfo,
  STATE_FILE,
} from '@maehem/train';
import type { DataSource } from '../data/source.js';
import type { History } from '../trainer/history.js';
import { namesIn, openFolder, readFile, readJson, remove, StorageError, writeFile } from './private-files.js';

const RUNS = 'runs';
const RUN_FILE = 'run.json';
const HISTORY_FILE = 'history.json';

/** Checkpoints of a run that stay: the newest, and the one before it should that be broken. */
const KEEP = 2;

/** A run as it is listed. */
export interface StoredRun {
  readonly id: string;
  readonly settings: PretrainSettings;
  readonly source: DataSource;
  /** Milliseconds since 1970. */
  readonly updated: number;
  readonly step: number;
  readonly totalSteps: number;
  readonly loss: number;
  /** The tuned tiles that it trained with last, on WebGPU. */
  readonly tuning?: Tuning;
}

/** A checkpoint's files, as they lie in a folder of Node's `maehem` too. */
export interface CheckpointFiles {
  readonly model: Uint8Array;
  readonly optimizer: Uint8Array;
  readonly info: CheckpointInfo;
  readonly history: History;
}

/**
 * Keep a run's state. The description is written last: a checkpoint without one is a part of one, and is passed
 * over, so that a page that is killed here loses this checkpoint and no other.
 * @throws StorageError when there is no room; earlier checkpoints are intact.
 */
export async function keepCheckpoint(run: StoredRun, files: CheckpointFiles): Promise<void> {
  const name = `step-${String(run.step).padStart(8, '0')}`;
  const checkpoints = await openFolder(RUNS, run.id, 'checkpoints');
  const folder = await openFolder(RUNS, run.id, 'checkpoints', name);
  try {
    await writeFile(folder, MODEL_FILE, files.model);
    await writeFile(folder, OPTIMIZER_FILE, files.optimizer);
    await writeFile(folder, HISTORY_FILE, JSON.stringify(files.history));
    await writeFile(folder, STATE_FILE, JSON.stringify(files.info));
    await writeFile(await openFolder(RUNS, run.id), RUN_FILE, JSON.stringify(run));
  } catch (error) {
    await remove(checkpoints, name).catch(() => {});
    throw error;
  }
  for (const old of (await namesIn(checkpoints)).slice(0, -KEEP)) await remove(checkpoints, old);
}

/** Runs that can go on, newest first. */
export async function listRuns(): Promise<StoredRun[]> {
  const folder = await openFolder(RUNS);
  const runs = await Promise.all(
    (await namesIn(folder)).map(async (id) => readJson(await openFolder(RUNS, id), RUN_FILE)),
  );
  return (runs.filter((run) => run !== undefined) as StoredRun[]).sort((a, b) => b.updated - a.updated);
}

/** A run by its id, or `undefined`. */
export async function findRun(id: string): Promise<StoredRun | undefined> {
  return (await listRuns()).find((run) => run.id === id);
}

/** The newest whole checkpoint of a run. @throws StorageError when there is none. */
export async function newestCheckpoint(id: string): Promise<CheckpointFiles> {
  const names = (await namesIn(await openFolder(RUNS, id, 'checkpoints'))).reverse();
  for (const name of names) {
    const folder = await openFolder(RUNS, id, 'checkpoints', name);
    const [model, optimizer, state, history] = await Promise.all([
      readFile(folder, MODEL_FILE),
      readFile(folder, OPTIMIZER_FILE),
      readFile(folder, STATE_FILE),
      readJson(folder, HISTORY_FILE),
    ]);
    if (model === undefined || optimizer === undefined || state === undefined || history === undefined)
      continue;
    const info = parseCheckpointInfo(new TextDecoder().decode(state), `${name}/${STATE_FILE}`);
    return { model, optimizer, info, history: history as History };
  }
  throw new StorageError('this run left no whole checkpoint; start it again');
}

/** Forget a run. */
export async function removeRun(id: string): Promise<void> {
  await remove(await openFolder(RUNS), id);
}
