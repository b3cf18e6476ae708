import { tidy } from '@maehem/backend';
import type { ModelImages } from '@maehem/data';
import { normPixTarget } from '@maehem/losses';
import { initMae, type Mae } from '@maehem/mae';
import { adamw, linearScaledLr, pretrainGroups, warmupCosine } from '@maehem/optim';
import { uploadPlan } from '@maehem/patches';
import { fold, type Key, seed } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { patchesOf, uploadImages } from './device-images.js';
import { maskPlan } from './masking.js';
import type { PretrainConfig } from './pretrain-config.js';
import { type PretrainBatch, type PretrainTask, splitParams } from './pretrain-task.js';
import { createPretrainer, type Pretrainer, type PretrainStart } from './pretrainer.js';
import { lowPassProjection } from './target-projection.js';
import {
  assertBatchSize,
  createTrainingRun,
  planRun,
  type RunPlan,
  type StartingState,
  type TrainingRun,
} from './training-run.js';

/** The state that a pretraining run starts or goes on from. */
export type TrainingState = StartingState<Mae>;

/** A pretraining run. */
export type PretrainRun = TrainingRun<PretrainConfig, Mae, PretrainBatch>;

/** How a run computes; what it computes is in its configuration. */
export interface PretrainingOptions {
  /** Record the first step and replay it afterwards; on unless it is `false`. */
  readonly capture?: boolean;
  /**
   * Blocks, encoder's and decoder's, whose activations are computed again in the backward pass instead of being kept:
   * 1 for all, k for every k-th, 0 (the default) for none. Less memory, more time, the same training.
   */
  readonly recompute?: number;
  /** For the target `pca`: what `pcaProjection` found in patches of the training images. */
  readonly components?: Float32Array;
  /** Who does the steps: `createPretrainer`, or one that spreads them over threads. */
  readonly pretrainer?: (task: PretrainTask, start: PretrainStart) => Pretrainer;
}

/** The keys of a run, all from its seed: initial weights, images, masks. */
export function runKeys(config: { readonly seed: number }): { init: Key; data: Key; mask: Key; probe: Key } {
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
  const plan = planRun(config, batchesPerEpoch);
  const from = start ?? { params: initMae(runKeys(config).init, config.model), stepIndex: 0 };
  const { capture = true, recompute = 0, pretrainer = createPretrainer } = options;
  const projection = targetProjection(config, options.components);
  const task = { ...pretrainTask(config, from.params, plan), recompute };
  const trainer = pretrainer(task, { ...from, capture });
  return createTrainingRun(config, plan, trainer, (images, batchIndex) =>
    uploadBatch(config, images, batchIndex, projection),
  );
}

function pretrainTask(
  config: PretrainConfig,
  params: Mae,
  { stepsPerEpoch, totalSteps }: RunPlan,
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

/** What patches are multiplied by to give the target, if it is not they themselves. */
function targetProjection(
  { target = 'pixels', model }: PretrainConfig,
  components: Float32Array | undefined,
): Float32Array | undefined {
  if (target === 'pixels') return undefined;
  if (target === 'low-pass') return lowPassProjection(model);
  if (components === undefined)
    throw new Error("the target 'pca' needs the principal components of the training images' patches");
  return components;
}

/**
 * One batch on the device, with the masking plan of its number in the run.
 * @param images [batch, height, width, channel]
 * @param projection [value, value]: what patches (normalised ones, with norm-pix) are multiplied by to give the target
 */
export function uploadBatch(
  config: PretrainConfig,
  images: ModelImages,
  batchIndex: number,
  projection?: Float32Array,
): PretrainBatch {
  const { model, mask, batch } = config;
  assertBatchSize(images, batchIndex, [batch, ...model.imageSize, model.channels]);
  const plan = maskPlan(fold(runKeys(config).mask, batchIndex), mask, model, batch);
  if (projection === undefined) return { ...uploadImages(images, model, batch), plan: uploadPlan(plan) };
  const patches = tidy(() => patchesOf(uploadImages(images, model, batch), model));
  return { patches, plan: uploadPlan(plan), target: projectedTarget(patches, config.normPix, projection) };
}

function projectedTarget(patches: tf.Tensor3D, normPix: boolean, projection: Float32Array): tf.Tensor3D {
  const values = patches.shape[2];
  return tf.tidy(() => {
    const whole = tf.reshape(normPix ? normPixTarget(patches) : patches, [-1, values]);
    return tf.reshape(tf.matMul(whole, tf.tensor2d(projection, [values, values])), patches.shape);
  });
}
