import { type Batch, batches, batchesPerEpoch, type Dataset, type SkippedImage } from '@maehem/data';
import { openDataset } from '@maehem/data/node';
import { fold, type Key } from '@maehem/random';
import { type FinetuneSettings, labelledImages, testImages } from '@maehem/settings';
import { finetuneKeys } from '@maehem/train';
import type { ClassifierConfig } from '@maehem/vit';
import { drawImages, type TrainingImages } from './data-source.js';

/** Labelled images of both splits. */
export interface LabelledDatasets {
  readonly train: Dataset;
  /** What all of the training images are, drawn or not: see `Dataset.fingerprint`. */
  readonly fingerprint: string | undefined;
  readonly test: Dataset;
  /** Names by label, those of the training split. */
  readonly classes: readonly string[];
}

/**
 * Open both splits of a data set, or as many images of them as wanted, drawn by `key`.
 * @throws when images have no labels, or there is no test split.
 */
export async function openLabelled(
  settings: Pick<FinetuneSettings, 'data' | 'dataKind'>,
  { trainImages, testImages }: Pick<FinetuneSettings, 'trainImages' | 'testImages'>,
  key: Key,
): Promise<LabelledDatasets> {
  const kind = settings.dataKind;
  const all = await openDataset(settings.data, { kind, split: 'train' });
  const { classes } = all;
  if (classes === undefined || classes.length < 2)
    throw new Error(`${all.name} has no classes; put the images of each class in a folder of its own`);
  // Under the training set's classes: a class without test images must not shift the labels after it.
  const heldOut = await openDataset(settings.data, { kind, split: 'test', classes });
  return {
    classes,
    fingerprint: all.fingerprint,
    train: drawImages(all, trainImages, fold(key, 'train')),
    test: drawImages(heldOut, testImages, fold(key, 'test')),
  };
}

/** The augmented batches of a fine-tuning run. */
export function labelledBatches(
  settings: FinetuneSettings,
  model: ClassifierConfig,
  { train: dataset, fingerprint }: LabelledDatasets,
  onSkip: (skipped: SkippedImage) => void,
): TrainingImages {
  const { batch, onBadImage } = settings;
  const transform = labelledImages(settings, model);
  const bad = new Set<number>();
  const note = (skipped: SkippedImage): void => {
    if (!bad.has(skipped.index)) onSkip(skipped);
    bad.add(skipped.index);
  };
  const key = finetuneKeys(settings).data;
  return {
    dataset,
    fingerprint,
    batchesPerEpoch: batchesPerEpoch(dataset.length, batch),
    epochs: (epoch, startBatch): AsyncIterable<Batch> =>
      batches(dataset, { batch, key, epoch, startBatch, transform, onBadImage, onSkip: note }),
    skipped: () => bad.size,
  };
}

/** Images in one forward pass of an evaluation. */
const TEST_BATCH = 100;

/** Batches of test images, each cut and normalised the same every time; the last one may be short. */
export function testBatches(
  settings: Pick<FinetuneSettings, 'normalise' | 'onBadImage' | 'seed'>,
  model: ClassifierConfig,
  dataset: Dataset,
): AsyncIterable<Batch> {
  const { onBadImage } = settings;
  return batches(dataset, {
    ...{ batch: TEST_BATCH, key: finetuneKeys(settings).data, epoch: 0, shuffle: false, dropLast: false },
    ...{ transform: testImages(settings, model), onBadImage },
  });
}
