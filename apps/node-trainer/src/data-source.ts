import { type Batch, batches, batchesPerEpoch, type Dataset, type SkippedImage, subset } from '@maehem/data';
import { openDataset } from '@maehem/data/node';
import { fold, type Key, permutation } from '@maehem/random';
import { evaluationImages, type PretrainSettings, pretrainConfig, trainingImages } from '@maehem/settings';
import { type EpochBatches, runKeys } from '@maehem/train';

/** Images of a run: augmented training batches by epoch. */
export interface TrainingImages {
  readonly dataset: Dataset;
  /** What all of the data set's training images are, drawn or not: see `Dataset.fingerprint`. */
  readonly fingerprint: string | undefined;
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
  const { batch, onBadImage } = settings;
  const all = await openDataset(settings.data, { kind: settings.dataKind, split: 'train' });
  const keys = runKeys(pretrainConfig(settings));
  const dataset = drawImages(all, settings.trainImages, fold(keys.data, 'subset'));
  const transform = trainingImages(settings);
  const bad = new Set<number>();
  const note = (skipped: SkippedImage): void => {
    if (!bad.has(skipped.index)) onSkip(skipped);
    bad.add(skipped.index);
  };
  const key = keys.data;
  const epochs = (epoch: number, startBatch: number): AsyncIterable<Batch> =>
    batches(dataset, { batch, key, epoch, startBatch, transform, onBadImage, onSkip: note });
  return {
    dataset,
    fingerprint: all.fingerprint,
    batchesPerEpoch: batchesPerEpoch(dataset.length, batch),
    epochs,
    skipped: () => bad.size,
  };
}

/** At most so many images of a data set, drawn by `key`; all of them for `null`. */
export function drawImages(dataset: Dataset, count: number | null, key: Key): Dataset {
  if (count === null || dataset.length <= count) return dataset;
  return subset(dataset, permutation(key, dataset.length).slice(0, count));
}

/** Batches of whole images in the data set's own order, without augmentation; the last one may be short. */
export function evaluationBatches(
  dataset: Dataset,
  settings: PretrainSettings,
  batch: number,
): AsyncIterable<Batch> {
  const transform = evaluationImages(settings);
  const { onBadImage } = settings;
  const order = { key: runKeys(pretrainConfig(settings)).data, epoch: 0, shuffle: false, dropLast: false };
  return batches(dataset, { ...order, batch, transform, onBadImage });
}
