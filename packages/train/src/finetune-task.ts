import {
  type MixOptions,
  type MixPlan,
  type ModelImages,
  mixImages,
  mixPlan,
  mixTargets,
  normalisedImages,
} from '@maehem/data';
import { smoothTargets, softmaxCrossEntropy } from '@maehem/losses';
import { adamw, finetuneGroups, linearScaledLr, warmupCosine, withEma } from '@maehem/optim';
import { fold } from '@maehem/random';
import { type Classifier, classify, dropPathFactors } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import { type DeviceImages, patchesOf, uploadImages } from './device-images.js';
import type { ImageBatch } from './features.js';
import { type FinetuneConfig, finetuneKeys } from './finetune-config.js';
import { isTuned } from './partial-tuning.js';
import { assertBatchSize, type RunPlan } from './training-run.js';
import { splitTree, type TrainingTask } from './training-step.js';

/** One labelled batch on the device, with all the chance of its step. */
export type FinetuneBatch = DeviceImages & {
  /** [batch, class]: smoothed, mixed as the images are. */
  readonly targets: tf.Tensor2D;
  /** [depth * 2, batch], where there is stochastic depth. */
  readonly dropPath?: tf.Tensor2D;
};

/**
 * What fine-tuning minimises, and how.
 * @param recompute blocks whose activations are computed twice instead of being kept: see `BlockShape` of `@maehem/vit`
 */
export function finetuneTask(
  config: FinetuneConfig,
  params: Classifier,
  { stepsPerEpoch, totalSteps }: RunPlan,
  recompute = 0,
): TrainingTask<Classifier, FinetuneBatch> {
  const { model, accumulate, ema } = config;
  const { baseLr, minLr, warmupEpochs, weightDecay, layerDecay, beta1, beta2, clipNorm } = config.optimizer;
  const trainable = isTuned(config.tunedBlocks, model.depth);
  const schedule = warmupCosine({
    baseLr: linearScaledLr(baseLr, config.batch * accumulate),
    minLr,
    warmupSteps: Math.round(warmupEpochs * stepsPerEpoch),
    totalSteps,
  });
  const shapes = splitTree(params, trainable).trainable;
  const treatments = finetuneGroups(shapes, { weightDecay, layerDecay, depth: model.depth });
  const optimizer = adamw({ schedule, treatments, beta1, beta2 });
  return {
    objective: {
      loss: (weights, batch) => {
        const patches = patchesOf(batch, model);
        const logits = classify(weights, patches, { ...model, recompute }, batch.dropPath);
        return softmaxCrossEntropy(logits, batch.targets);
      },
      trainable,
    },
    optimizer: ema === null ? optimizer : withEma(optimizer, ema),
    accumulate,
    clipNorm,
  };
}

/**
 * One labelled batch on the device: mixed, with its targets and the dropped paths of its number in the run.
 * @throws when labels are missing, or a size or a label is not the model's.
 */
export function uploadFinetuneBatch(
  config: FinetuneConfig,
  images: ImageBatch,
  batchIndex: number,
): FinetuneBatch {
  const { model, batch, dropPath: rate, mix } = config;
  const { labels } = images;
  assertBatchSize(images, batchIndex, [batch, ...model.imageSize, model.channels]);
  if (labels === undefined)
    throw new Error(`batch ${batchIndex} has images without labels; fine-tuning needs a label for each`);
  const keys = finetuneKeys(config);
  const plan = mixPlan(fold(keys.mix, batchIndex), model.imageSize, mix);
  const { depth } = model;
  const factors = rate > 0 && dropPathFactors(fold(keys.dropPath, batchIndex), { depth, batch, rate });
  return {
    ...uploadImages(mixes(mix) ? mixed(images, config, plan) : images, model, batch),
    targets: tf.tensor2d(targetsOf(config, labels, plan), [batch, model.classes]),
    ...(factors ? { dropPath: tf.tensor2d(factors, [depth * 2, batch]) } : {}),
  };
}

/** Does a run mix images? Numbers are mixed, not bytes, and a captured step takes one or the other throughout. */
function mixes({ mixup, cutmix }: MixOptions): boolean {
  return mixup > 0 || cutmix > 0;
}

function mixed(images: ModelImages, { model, batch }: FinetuneConfig, plan: MixPlan): ModelImages {
  const { imageSize, channels } = model;
  const values = normalisedImages(images, channels);
  return { images: mixImages(values, [batch, ...imageSize, channels], plan) };
}

function targetsOf(
  { model, labelSmoothing }: FinetuneConfig,
  labels: Int32Array,
  plan: MixPlan,
): Float32Array {
  return mixTargets(smoothTargets(labels, model.classes, labelSmoothing), model.classes, plan);
}
