import { type Backend, gpuEngine } from '@maehem/backend';
import {
  summariseTuning,
  type TuneOptions,
  type TuneProgress,
  type Tuning,
  useTuning,
} from '@maehem/kernels';
import { type PretrainSettings, pretrainConfig, recomputeEvery } from '@maehem/settings';
import { type TrainingTuning, tunePretraining } from '@maehem/train';
import * as tf from '@tensorflow/tfjs-core';
import { keepTuning, keptTuning } from '../keep/tuning-store.js';
import { openEngine } from './engine.js';
import type { TunedTiles, TuneRequest, TuneResult } from './protocol.js';

/** The page is told no more often than so many milliseconds, but of each kernel that is done. */
const TELL_EVERY = 100;

/** Train with the tiles that were measured for this GPU, if somebody ever asked for that; settings may do without. */
export async function openTuning(
  { name }: Backend,
  { tuning: wanted }: PretrainSettings,
): Promise<Tuning | undefined> {
  if (name !== 'webgpu') return undefined;
  const gpu = gpuEngine(tf.backend());
  const tuning = wanted === 'none' ? undefined : await keptTuning(gpu);
  useTuning(gpu, tuning);
  return tuning;
}

/** A tuning as the page shows it. */
export function tunedTiles(tuning: Tuning): TunedTiles {
  const { kernels, tuned, at } = summariseTuning(tuning);
  return { kernels, tuned, at: Date.parse(at) };
}

/**
 * Measure how this GPU's kernels are best shared out in a step of these settings. Each that is done is kept at once. What
 * was measured before is not measured again, unless that is all there is.
 */
export async function tuneHere(
  { site, settings, engine }: TuneRequest,
  tell: (progress: TuneProgress) => void,
  signal: AbortSignal,
): Promise<TuneResult> {
  const { backend } = await openEngine(engine, site, settings);
  if (backend.name !== 'webgpu') throw new Error(`tiles are tuned for WebGPU, and this is ${backend.name}`);
  const gpu = gpuEngine(tf.backend());
  const options: TuneOptions = {
    signal,
    progress: withPauses(tell),
    keep: (tuning) => keepTuning(gpu, tuning),
  };
  const recompute = recomputeEvery(settings.recompute);
  const measure = (more: TuneOptions): Promise<TrainingTuning> =>
    tunePretraining(pretrainConfig(settings), { recompute, ...options, ...more });
  const known = await keptTuning(gpu);
  const found = await measure(known === undefined ? {} : { known });
  const { kernels, missing, ended, step } =
    found.ended === 'done' && found.kernels.length === 0 ? await measure({}) : found;
  const changed = kernels.filter((kernel) => kernel.changed).length;
  return { kernels: kernels.length, changed, missing, ended, ...(step && { step }) };
}

function withPauses(tell: (progress: TuneProgress) => void): (progress: TuneProgress) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const now = performance.now();
    if (progress.decided === undefined && now - last < TELL_EVERY) return;
    last = now;
    tell(progress);
  };
}
