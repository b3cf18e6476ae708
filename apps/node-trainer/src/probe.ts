import { dispose } from '@maehem/backend';
import { type Dataset, subset } from '@maehem/data';
import { openDataset } from '@maehem/data/node';
import { initMae, type MaeEncoder } from '@maehem/mae';
import { fold, permutation } from '@maehem/random';
import type { PretrainSettings } from '@maehem/settings';
import {
  extractFeatures,
  type FeaturePooling,
  type Features,
  linearProbe,
  type PretrainConfig,
  type ProbeResult,
  runKeys,
} from '@maehem/train';
import { evaluationBatches } from './data-source.js';

/** What to probe with. */
export interface ProbeOptions {
  readonly settings: PretrainSettings;
  readonly config: PretrainConfig;
  readonly pooling: FeaturePooling;
  /** At most so many labelled training and test images, drawn from the seed. */
  readonly trainImages: number;
  readonly testImages: number;
  readonly epochs: number;
}

/** A linear probe of one encoder on held-out images. */
export type Probe = (encoder: MaeEncoder) => Promise<ProbeResult>;

/** Images in one forward pass of feature extraction. */
const FEATURE_BATCH = 100;

/** Open both splits, and return a probe that treats every encoder alike. @throws when images have no labels. */
export async function openProbe(options: ProbeOptions): Promise<Probe> {
  const { settings, config, pooling, epochs } = options;
  const key = runKeys(config).probe;
  const kind = settings.dataKind;
  const train = draw(
    await openDataset(settings.data, { kind, split: 'train' }),
    options.trainImages,
    fold(key, 'train'),
  );
  const { classes } = train;
  if (classes === undefined || classes.length < 2)
    throw new Error(
      `${train.name} has no classes to probe for; put the images of each class in a folder of its own`,
    );
  // Under the training set's classes: a class without test images must not shift the labels after it.
  const heldOut = await openDataset(settings.data, { kind, split: 'test', classes });
  const test = draw(heldOut, options.testImages, fold(key, 'test'));
  const features = (encoder: MaeEncoder, dataset: Dataset): Promise<Features> =>
    extractFeatures(encoder, config.model, evaluationBatches(dataset, settings, FEATURE_BATCH), pooling);
  return async (encoder) =>
    linearProbe(await features(encoder, train), await features(encoder, test), {
      ...{ classes: classes.length, epochs, key: fold(key, 'probe') },
    });
}

function draw(dataset: Dataset, count: number, key: ReturnType<typeof fold>): Dataset {
  if (dataset.length <= count) return dataset;
  return subset(dataset, permutation(key, dataset.length).slice(0, count));
}

/** The same probe on an encoder that has learned nothing: the run's own initial weights. */
export async function probeUntrained(probe: Probe, config: PretrainConfig): Promise<ProbeResult> {
  const untrained = initMae(runKeys(config).init, config.model);
  const result = await probe(untrained);
  dispose(untrained);
  return result;
}

/** 0.8731 → '87.3 %'. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
