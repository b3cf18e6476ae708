import { clone, dispose, gpuEngine, type TensorTree } from '@maehem/backend';
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
import { fold, type Key, normal } from '@maehem/random';
import { patchValues, tokenCount, type VitConfig } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import { classifierFrom, createFinetuning } from './finetune.js';
import type { FinetuneConfig } from './finetune-config.js';
import type { FinetuneBatch } from './finetune-task.js';
import { maskPlan } from './masking.js';
import { createPretraining, runKeys } from './pretrain.js';
import type { PretrainConfig } from './pretrain-config.js';
import type { Trainer } from './trainer.js';

/** What tuning found, and what a whole step gained; no step where every kernel stays as it is. */
export interface TrainingTuning extends TuneOutcome {
  readonly step?: StepGain;
}

/** Captured steps, by turns without the tuning and with it. */
export interface StepGain {
  /** The median round's, and what the median of the rounds' ratios makes of it. */
  readonly usualMs: number;
  readonly ms: number;
  /** Rounds, and those of them in which tuned steps were faster: about half where there is nothing but noise. */
  readonly rounds: number;
  readonly faster: number;
}

/** As in `createPretraining` and `createFinetuning`. */
interface StepOptions extends TuneOptions {
  readonly recompute?: number;
}

/**
 * Measure how the kernels of a pretraining step are best shared out on the open WebGPU engine: see `tuneKernels`. The
 * step is of fresh weights and of noise in the place of pictures.
 * @throws when the engine is not WebGPU.
 */
export function tunePretraining(
  config: PretrainConfig,
  { recompute = 0, ...options }: StepOptions = {},
): Promise<TrainingTuning> {
  const { model, mask, batch: images, accumulate, seed } = config;
  const { init, data } = runKeys({ seed });
  const plan = uploadPlan(maskPlan(fold(data, 'noise'), mask, model, images));
  return tuneTraining(
    initMae(init, model),
    { patches: noise(data, model, images), plan },
    accumulate,
    (params, capture) =>
      createPretraining(config, accumulate, { params, stepIndex: 0 }, { capture, recompute }).trainer,
    options,
  );
}

/** The same for a step of fine-tuning, of all blocks or of those that settings train. */
export function tuneFinetuning(
  config: FinetuneConfig,
  { recompute = 0, ...options }: StepOptions = {},
): Promise<TrainingTuning> {
  const { model, batch: images, accumulate, dropPath, seed } = config;
  const { init, data } = runKeys({ seed });
  const batch: FinetuneBatch = {
    patches: noise(data, model, images),
    targets: tf.fill([images, model.classes], 1 / model.classes),
    ...(dropPath > 0 ? { dropPath: tf.ones([2 * model.depth, images]) } : {}),
  };
  return tuneTraining(
    classifierFrom(model, init),
    batch,
    accumulate,
    (params, capture) =>
      createFinetuning(config, accumulate, { params, stepIndex: 0 }, { capture, recompute }).trainer,
    options,
  );
}

/** Patches of no pictures in particular. */
function noise(key: Key, model: VitConfig, images: number): tf.Tensor3D {
  const shape = [images, tokenCount(model), patchValues(model)] as const;
  return tf.tensor3d(normal(fold(key, 'noise'), shape[0] * shape[1] * shape[2]), [...shape]);
}

/** Takes the weights and the batch. */
async function tuneTraining<Params extends TensorTree, Batch extends TensorTree>(
  params: Params,
  batch: Batch,
  accumulate: number,
  make: (params: Params, capture: boolean) => Trainer<Params, Batch>,
  options: TuneOptions,
): Promise<TrainingTuning> {
  const gpu = gpuEngine(tf.backend());
  const batches = Array.from({ length: accumulate }, () => batch);
  const inUse = tuningInUse(gpu);
  try {
    const work = async (): Promise<void> => {
      const trainer = make(clone(params), false);
      await trainer.step(batches);
      trainer.dispose();
    };
    const outcome = await tuneKernels(gpu, work, options);
    const changed = outcome.kernels.some((kernel) => kernel.changed);
    if (!changed || options.signal?.aborted) return outcome;
    const step = await compare(outcome.tuning, (tuning) => {
      useTuning(gpu, tuning);
      return timeSteps(make(clone(params), true), batches);
    });
    return { ...outcome, step };
  } finally {
    useTuning(gpu, inUse);
    dispose(params);
    dispose(batch);
  }
}

/** At the first step it is recorded, at the second its kernels compile, at the third its commands are overheard. */
const WARM_UP = 3;
/** Steps that are timed, at least, and for how long at least. */
const TIMED = 3;
const TIMED_SECONDS = 0.4;
/** Rounds, each without the tuning and with it, of which as many are done as fit the time, and one at least. */
const ROUNDS = 7;
const ROUNDS_SECONDS = 15;

async function compare(
  tuning: Tuning,
  stepMs: (tuning: Tuning | undefined) => Promise<number>,
): Promise<StepGain> {
  const started = performance.now();
  const rounds: { usualMs: number; ratio: number }[] = [];
  while (rounds.length < ROUNDS && performance.now() - started < 1000 * ROUNDS_SECONDS) {
    const turns = rounds.length % 2 === 0 ? [undefined, tuning] : [tuning, undefined];
    const times = new Map<Tuning | undefined, number>();
    for (const each of turns) times.set(each, await stepMs(each));
    const usualMs = times.get(undefined)!;
    rounds.push({ usualMs, ratio: times.get(tuning)! / usualMs });
  }
  const usualMs = median(rounds.map((round) => round.usualMs));
  const ratios = rounds.map(({ ratio }) => ratio);
  return {
    ...{ usualMs, ms: usualMs * median(ratios) },
    ...{ rounds: rounds.length, faster: ratios.filter((ratio) => ratio < 1).length },
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** The best time of a captured step, in milliseconds. Takes the trainer. */
async function timeSteps<Params extends TensorTree, Batch extends TensorTree>(
  trainer: Trainer<Params, Batch>,
  batches: readonly Batch[],
): Promise<number> {
  for (let step = 0; step < WARM_UP; step++) await trainer.step(batches);
  let best = Number.POSITIVE_INFINITY;
  const started = performance.now();
  for (let step = 0; step < TIMED || performance.now() - started < 1000 * TIMED_SECONDS; step++) {
    const start = performance.now();
    await trainer.step(batches);
    best = Math.min(best, performance.now() - start);
  }
  trainer.dispose();
  return best;
}
