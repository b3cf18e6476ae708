import {
  type Batch,
  batches,
  batchesPerEpoch,
  type Dataset,
  evaluationTransform,
  type NormalisationName,
  type SkippedImage,
  trainTransform,
} from '@maehem/data';
import { openDataset } from '@maehem/data/node';
import type { MaeConfig } from '@maehem/mae';
import { type EpochBatches, runKeys } from '@maehem/train';
import { type PretrainSettings, pretrainConfig } from './config/schema.js';

/** Which pixels' mean and deviation suit a model's images, when nobody says. */
export function normalisationName(
  chosen: PretrainSettings['normalise'],
  model: MaeConfig,
): NormalisationName {
  if (chosen !== 'auto') return chosen;
  if (model.channels === 1) return 'mnist';
  return Math.max(...model.imageSize) <= 64 ? 'cifar10' : 'imagenet';
}

/** Images of a run: augmented training batches by epoch. */
export interface TrainingImages {
  readonly dataset: Dataset;
  readonly batchesPerEpoch: number;
  readonly epochs: EpochBatches;
  /** Bad images that were left out so far, each counted once. */
  readonly skipped: () => number;
}

/** Open the training split and set up its batches as the settings say. */
export async function openTrainingImages(
  settings: PretrainSettings,
  onSkip: (skipped: SkippedImage) => void,
): Promise<TrainingImages> {
  const { augment, batch, onBadImage } = settings;
  const config = pretrainConfig(settings);
  const { model } = config;
  const dataset = await openDataset(settings.data, { kind: settings.dataKind, split: 'train' });
  const transform = trainTransform({
    size: model.imageSize,
    channels: model.channels as 1 | 3,
    normalisation: normalisationName(settings.normalise, model),
    crop: augment.crop ? { scale: [augment.minScale, 1] } : false,
    flip: augment.flip,
  });
  const bad = new Set<number>();
  const note = (skipped: SkippedImage): void => {
    if (!bad.has(skipped.index)) onSkip(skipped);
    bad.add(skipped.index);
  };
  const key = runKeys(config).data;
  const epochs = (epoch: number, startBatch: number): AsyncIterable<Batch> =>
    batches(dataset, { batch, key, epoch, startBatch, transform, onBadImage, onSkip: note });
  return {
    dataset,
    batchesPerEpoch: batchesPerEpoch(dataset.length, batch),
    epochs,
    skipped: () => bad.size,
  };
}

/** Batches of whole images in the data set's own order, without augmentation; the last one may be short. */
export function evaluationBatches(
  dataset: Dataset,
  settings: PretrainSettings,
  batch: number,
): AsyncIterable<Batch> {
  const config = pretrainConfig(settings);
  const { model } = config;
  const transform = evaluationTransform({
    size: model.imageSize,
    channels: model.channels as 1 | 3,
    normalisation: normalisationName(settings.normalise, model),
  });
  const { onBadImage } = settings;
  const order = { key: runKeys(config).data, epoch: 0, shuffle: false, dropLast: false };
  return batches(dataset, { ...order, batch, transform, onBadImage });
}
