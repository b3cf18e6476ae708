import { dispose } from '@maehem/backend';
import { initMae, type Mae } from '@maehem/mae';
import { adamw, linearScaledLr, type OptimizerState, pretrainGroups, warmupCosine } from '@maehem/optim';
import { patchify, uploadPlan } from '@maehem/patches';
import { fold, type Key, seed } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { type DivergenceReport, watchDivergence } from './divergence.js';
import type { ImageBatch } from './features.js';
import { maskPlan } from './masking.js';
import type { PretrainConfig } from './pretrain-config.js';
import { type PretrainBatch, type PretrainTask, splitParams } from './pretrain-step.js';
import { createPretrainer, type Pretrainer, type PretrainStart } from './pretrainer.js';

/** Where the images come from: one epoch's batches, from a given batch on. Order must depend on nothing else. */
export type EpochBatches = (epoch: number, startBatch: number) => AsyncIterable<ImageBatch>;

/** The state that a run starts or goes on from. */
export interface TrainingState {
  readonly params: Mae;
  readonly optimizerState?: OptimizerState;
  readonly stepIndex: number;
}

/** What one optimizer step tells. */
export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number;
  readonly totalSteps: number;
  /** Epochs done, with fraction. */
  readonly epoch: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly lr: number;
  /** Wall time of this step, waiting for images included, in seconds. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** A pretraining run. */
export interface PretrainRun {
  readonly config: PretrainConfig;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  readonly trainer: Pretrainer;
  /**
   * Train to the end, one report a step. Stop by leaving the loop: between two steps the trainer's state
   * is whole and can be saved.
   * @throws DivergenceError when the loss is no number or explodes.
   */
  steps(batches: EpochBatches): AsyncGenerator<StepReport, void, void>;
  dispose(): void;
}

/** How a run computes; what it computes is in its configuration. */
export interface PretrainingOptions {
  /** Record the first step and replay it afterwards; on unless it is `false`. */
  readonly capture?: boolean;
  /** Who does the steps: `createPretrainer`, or one that spreads them over threads. */
  readonly pretrainer?: (task: PretrainTask, start: PretrainStart) => Pretrainer;
}

/** The keys of a run, all from its seed: initial weights, images, masks. */
export function runKeys(config: PretrainConfig): { init: Key; data: Key; mask: Key; probe: Key } {
  const root = seed(config.seed);
  return {
    init: fold(root, 'init'),
    data: fold(root, 'data'),
    mask: fold(root, 'mask'),
    probe: fold(root, 'probe'),
  };
}

/**
 * Set up a run.
 * @param batchesPerEpoch full batches that an epoch offers
 * @param start where to go on from; fresh weights from the seed otherwise
 * @throws when an epoch has too few batches for one step.
 */
export function createPretraining(
  config: PretrainConfig,
  batchesPerEpoch: number,
  start?: TrainingState,
  options: PretrainingOptions = {},
): PretrainRun {
  const stepsPerEpoch = Math.floor(batchesPerEpoch / config.accumulate);
  if (stepsPerEpoch < 1)
    throw new Error(
      `an epoch has ${batchesPerEpoch} batches of ${config.batch} images, fewer than the ${config.accumulate} of one step; lower --batch`,
    );
  const totalSteps = Math.ceil(config.epochs * stepsPerEpoch);
  const from = start ?? { params: initMae(runKeys(config).init, config.model), stepIndex: 0 };
  const task = pretrainTask(config, from.params, { stepsPerEpoch, totalSteps });
  const { capture = true, pretrainer = createPretrainer } = options;
  const trainer = pretrainer(task, { ...from, capture });
  const watch = watchDivergence();

  async function* steps(batches: EpochBatches): AsyncGenerator<StepReport, void, void> {
    while (trainer.stepIndex < totalSteps) {
      const epoch = Math.floor(trainer.stepIndex / stepsPerEpoch);
      const startBatch = (trainer.stepIndex % stepsPerEpoch) * config.accumulate;
      yield* epochSteps(batches(epoch, startBatch));
    }
  }

  async function* epochSteps(batches: AsyncIterable<ImageBatch>): AsyncGenerator<StepReport, void, void> {
    let gathered: ImageBatch[] = [];
    let started = performance.now();
    const endOfEpoch = (Math.floor(trainer.stepIndex / stepsPerEpoch) + 1) * stepsPerEpoch;
    for await (const batch of batches) {
      gathered.push(batch);
      if (gathered.length < config.accumulate) continue;
      const report = await trainStep(gathered, started);
      gathered = [];
      yield report;
      if (trainer.stepIndex >= Math.min(endOfEpoch, totalSteps)) return;
      started = performance.now();
    }
    throw new Error(`epoch ended after ${trainer.stepIndex % stepsPerEpoch} of ${stepsPerEpoch} steps`);
  }

  async function trainStep(images: readonly ImageBatch[], started: number): Promise<StepReport> {
    const step = trainer.stepIndex;
    const uploaded = images.map(({ images: pixels }, index) =>
      uploadBatch(config, pixels, step * config.accumulate + index),
    );
    const { loss, gradNorm, lr } = await trainer.step(uploaded);
    for (const batch of uploaded) dispose(batch);
    watch({ step, loss, gradNorm, lr } satisfies Omit<DivergenceReport, 'meanLoss'>);
    const seconds = (performance.now() - started) / 1000;
    const done = step + 1;
    return {
      ...{ step: done, totalSteps, epoch: done / stepsPerEpoch, loss, gradNorm, lr, seconds },
      imagesPerSecond: (config.batch * config.accumulate) / seconds,
    };
  }

  return { config, totalSteps, stepsPerEpoch, trainer, steps, dispose: () => trainer.dispose() };
}

function pretrainTask(
  config: PretrainConfig,
  params: Mae,
  { stepsPerEpoch, totalSteps }: { stepsPerEpoch: number; totalSteps: number },
): PretrainTask {
  const { baseLr, minLr, warmupEpochs, weightDecay, beta1, beta2, clipNorm } = config.optimizer;
  const schedule = warmupCosine({
    baseLr: linearScaledLr(baseLr, config.batch * config.accumulate),
    minLr,
    warmupSteps: Math.round(warmupEpochs * stepsPerEpoch),
    totalSteps,
  });
  const treatments = pretrainGroups(splitParams(params).trainable, weightDecay);
  return {
    model: config.model,
    objective: { normPix: config.normPix, lossOnAllPatches: config.lossOnAllPatches },
    optimizer: adamw({ schedule, treatments, beta1, beta2 }),
    accumulate: config.accumulate,
    clipNorm,
  };
}

/**
 * One batch on the device, with the masking plan of its number in the run.
 * @param images NHWC, normalised
 */
export function uploadBatch(config: PretrainConfig, images: Float32Array, batchIndex: number): PretrainBatch {
  const { model, mask, batch } = config;
  const [height, width] = model.imageSize;
  const expected = batch * height * width * model.channels;
  if (images.length !== expected)
    throw new Error(
      `batch ${batchIndex} has ${images.length} values, expected ${expected} (${batch} images of ${height}x${width}x${model.channels})`,
    );
  const plan = maskPlan(fold(runKeys(config).mask, batchIndex), mask, model, batch);
  const pixels = tf.tensor4d(images, [batch, height, width, model.channels]);
  const patches = patchify(pixels, model.patchSize);
  pixels.dispose();
  return { patches, plan: uploadPlan(plan) };
}
