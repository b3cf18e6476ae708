import { clone, dispose, gpuEngine } from '@maehem/backend';
import {
  type TuneOptions,
  type TuneOutcome,
  type Tuning,
  tuneKernels,
  tuningInUse,
  useTuning,
} from '@maehem/kernels';
import { initMae } from '@maehem/mae';
import { uploadPlan } from '@maehem/patches';
import { fold, normal } from '@maehem/random';
import { patchValues, tokenCount } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import { maskPlan } from './masking.js';
import { createPretraining, runKeys } from './pretrain.js';
import type { PretrainConfig } from './pretrain-config.js';
import type { PretrainBatch } from './pretrain-task.js';
import type { Pretrainer } from './pretrainer.js';

/** What tuning found, and what a whole step gained; no step where every kernel stays as it is. */
export interface PretrainingTuning extends TuneOutcome {
  /** The best of a few captured steps, by turns without the tuning and with it. */
  readonly step?: { readonly usualMs: number; readonly ms: number };
}

/**
 * Measure how the kernels of a pretraining step are best shared out on the open WebGPU engine: see `tuneKernels`. The
 * step is of fresh weights and of noise in the place of pictures.
 * @param options `recompute` as in `createPretraining`
 * @throws when the engine is not WebGPU.
 */
export async function tunePretraining(
  config: PretrainConfig,
  { recompute = 0, ...options }: TuneOptions & { readonly recompute?: number } = {},
): Promise<PretrainingTuning> {
  const gpu = gpuEngine(tf.backend());
  const params = initMae(runKeys(config).init, config.model);
  const batch = noise(config);
  const batches = Array.from({ length: config.accumulate }, () => batch);
  const trainer = (capture: boolean): Pretrainer => {
    const start = { params: clone(params), stepIndex: 0 };
    return createPretraining(config, config.accumulate, start, { capture, recompute }).trainer;
  };
  const inUse = tuningInUse(gpu);
  try {
    const outcome = await tuneKernels(gpu, () => oneStep(trainer(false), batches), options);
    const changed = outcome.kernels.some((kernel) => kernel.changed);
    if (!changed || options.signal?.aborted) return outcome;
    const stepMs = (tuning: Tuning | undefined) => {
      useTuning(gpu, tuning);
      return timeSteps(trainer(true), batches);
    };
    return { ...outcome, step: await compare(stepMs, outcome.tuning) };
  } finally {
    useTuning(gpu, inUse);
    dispose(params);
    dispose(batch);
  }
}

/** A batch of no pictures in particular. */
function noise({ model, mask, batch, seed }: PretrainConfig): PretrainBatch {
  const shape = [batch, tokenCount(model), patchValues(model)] as const;
  const key = fold(runKeys({ seed }).data, 'noise');
  return {
    patches: tf.tensor3d(normal(key, shape[0] * shape[1] * shape[2]), [...shape]),
    plan: uploadPlan(maskPlan(key, mask, model, batch)),
  };
}

async function oneStep(trainer: Pretrainer, batches: readonly PretrainBatch[]): Promise<void> {
  await trainer.step(batches);
  trainer.dispose();
}

/** At the first step it is recorded, at the second its kernels compile, at the third its commands are overheard. */
const WARM_UP = 3;
const TIMED = 3;
/** Rounds, each without the tuning and with it, of which as many are done as fit the time, and one at least. */
const ROUNDS = 7;
const ROUNDS_SECONDS = 15;

async function compare(
  stepMs: (tuning: Tuning | undefined) => Promise<number>,
  tuning: Tuning,
): Promise<{ usualMs: number; ms: number }> {
  const started = performance.now();
  const times = { usual: [] as number[], tuned: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.usual.push(await stepMs(undefined));
    times.tuned.push(await stepMs(tuning));
    if (performance.now() - started > 1000 * ROUNDS_SECONDS) break;
  }
  return { usualMs: Math.min(...times.usual), ms: Math.min(...times.tuned) };
}

/** The best time of a captured step, in milliseconds. Takes the trainer. */
async function timeSteps(trainer: Pretrainer, batches: readonly PretrainBatch[]): Promise<number> {
  for (let step = 0; step < WARM_UP; step++) await trainer.step(batches);
  let best = Number.POSITIVE_INFINITY;
  for (let step = 0; step < TIMED; step++) {
    const start = performance.now();
    await trainer.step(batches);
    best = Math.min(best, performance.now() - start);
  }
  trainer.dispose();
  return best;
}
