import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Backend, type GpuEngine, gpuEngine } from '@maehem/backend';
import {
  adapterKey,
  joinTunings,
  summariseTuning,
  type Tuning,
  tuningFrom,
  tuningText,
  useTuning,
} from '@maehem/kernels';
import { type PretrainSettings, SettingsError } from '@maehem/settings';
import { cacheFolder } from '@maehem/setup-tensorflow';
import * as tf from '@tensorflow/tfjs-core';
import type { Progress } from '../progress.js';

/** The copy in a run's folder of the tuning that it was trained with. */
const TUNING_OF_RUN = 'tuning.json';

/** Where the tiles that `maehem doctor --tune` found for an adapter are kept. */
export function tuningFile(gpu: GpuEngine, cache: string = cacheFolder()): string {
  const name = adapterKey(gpu)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-');
  return join(cache, 'webgpu', `tiles-${name}.json`);
}

/** Keep a tuning, beside what is known of other kernels of the adapter. */
export async function keepTuning(file: string, gpu: GpuEngine, tuning: Tuning): Promise<void> {
  const known = await readTuning(file, gpu);
  const joined = joinTunings(typeof known === 'object' ? known : undefined, tuning);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, tuningText(joined));
}

/** The tuning in a file; a sentence on why it is of no use here; `undefined` where there is no file. */
export async function readTuning(file: string, gpu: GpuEngine): Promise<Tuning | string | undefined> {
  try {
    return tuningFrom(await readFile(file, 'utf8'), gpu, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Train with the tiles that settings name, or with those that are kept for the adapter, and say so.
 * @throws SettingsError when a file that was asked for is not there, or of no use here. Without being asked, a file of
 * no use is passed over with a word.
 */
export async function openTuning(
  { name }: Backend,
  { tuning: wanted }: Pick<PretrainSettings, 'tuning'>,
  progress: Progress,
): Promise<Tuning | undefined> {
  if (name !== 'webgpu') return undefined;
  const gpu = gpuEngine(tf.backend());
  const tuning = wanted === 'none' ? undefined : await chosenTuning(gpu, wanted, progress);
  useTuning(gpu, tuning);
  if (tuning !== undefined) progress.note(`tiles      ${inWords(tuning)}; --no-tuning goes without`);
  return tuning;
}

async function chosenTuning(
  gpu: GpuEngine,
  wanted: string | undefined,
  progress: Progress,
): Promise<Tuning | undefined> {
  const tuning = await readTuning(wanted ?? tuningFile(gpu), gpu);
  if (typeof tuning === 'object') return tuning;
  if (wanted !== undefined) throw new SettingsError(`--tuning: ${tuning ?? `there is no ${wanted}`}`);
  if (tuning !== undefined)
    progress.note(`tiles      as usual: ${tuning}; \`maehem doctor --tune\` measures again`);
  return undefined;
}

function inWords(tuning: Tuning): string {
  const { kernels, tuned, at } = summariseTuning(tuning);
  return `tuned on ${at.slice(0, 10)}: ${kernels} kernels measured, ${tuned} of them not as usual`;
}

/** Leave in a run's folder what it was trained with, so that `--tuning` can repeat it. */
export async function recordTuning(out: string, tuning: Tuning | undefined): Promise<void> {
  const file = join(out, TUNING_OF_RUN);
  if (tuning === undefined) await rm(file, { force: true });
  else await writeFile(file, tuningText(tuning));
}
