import { batches, batchesPerEpoch, type Dataset, splitDataset, subset } from '@maehem/data';
import { fold } from '@maehem/random';
import { evaluationImages, type PretrainSettings, pretrainConfig, trainingImages } from '@maehem/settings';
import { type EpochBatches, runKeys } from '@maehem/train';
import { fetchMnist } from './mnist-chunks.js';
import { openPictures } from './picture-store.js';
import type { DataSource } from './source.js';

/** The pictures of a run: some to train on, some that it never sees. */
export interface Pictures {
  readonly train: Dataset;
  readonly heldOut: Dataset;
  readonly batchesPerEpoch: number;
  readonly epochs: EpochBatches;
}

/** Pictures of one's own are held out by this share, at least a handful. */
const HELD_OUT = 0.1;
const LEAST_HELD_OUT = 8;
const MOST_HELD_OUT = 1000;

/**
 * Open a source under a run's settings.
 * @param site the address of the site's root
 * @throws when there are too few pictures for one batch, or they are gone.
 */
export async function openSource(
  site: string,
  source: DataSource,
  settings: PretrainSettings,
): Promise<Pictures> {
  const config = pretrainConfig(settings);
  const key = runKeys(config).data;
  const [train, heldOut] =
    source.kind === 'mnist'
      ? await Promise.all([fetchMnist(site, 'train', source.count), fetchMnist(site, 'test', 5000)])
      : held(await openPictures(source), key);
  const { batch, onBadImage } = settings;
  if (train.length < batch)
    throw new Error(
      `${train.length} pictures to train on do not fill one batch of ${batch}; lower the batch, or bring more`,
    );
  const transform = trainingImages(settings);
  return {
    ...{ train, heldOut, batchesPerEpoch: batchesPerEpoch(train.length, batch) },
    epochs: (epoch, startBatch) => batches(train, { batch, key, epoch, startBatch, transform, onBadImage }),
  };
}

/** A part is held out where there is enough; of a handful, all are trained on and shown. */
function held(dataset: Dataset, key: ReturnType<typeof fold>): [Dataset, Dataset] {
  const count = Math.min(MOST_HELD_OUT, Math.max(LEAST_HELD_OUT, Math.round(HELD_OUT * dataset.length)));
  if (dataset.length < 2 * count) return [dataset, dataset];
  return splitDataset(dataset, fold(key, 'held-out'), count);
}

/** Pictures spread evenly over a data set. */
export function spread(dataset: Dataset, count: number): Dataset {
  const chosen = Math.min(count, dataset.length);
  return subset(
    dataset,
    Array.from({ length: chosen }, (_, at) => Math.floor((at * dataset.length) / chosen)),
  );
}

/** Whole images of a data set as the model takes them, in its own order. */
export function shown(
  dataset: Dataset,
  settings: PretrainSettings,
  batch: number,
): ReturnType<typeof batches> {
  return batches(dataset, {
    ...{ batch: Math.min(batch, dataset.length), shuffle: false, dropLast: false, epoch: 0 },
    ...{ key: runKeys(pretrainConfig(settings)).data, transform: evaluationImages(settings) },
    onBadImage: settings.onBadImage,
  });
}
