import { writeFile } from 'node:fs/promises';
import { type Dataset, NORMALISATIONS, normalisedImages, subset } from '@maehem/data';
import { openDataset } from '@maehem/data/node';
import { type Mae, reconstruct } from '@maehem/mae';
import { type MaskPlan, patchify, uploadPlan } from '@maehem/patches';
import { fold } from '@maehem/random';
import { normalisationName, type PretrainSettings } from '@maehem/settings';
import { maskPlan, type PretrainConfig, runKeys } from '@maehem/train';
import { encodePng, type Reconstruction, type RgbaImage, reconstructionMosaic } from '@maehem/viz';
import * as tf from '@tensorflow/tfjs-core';
import { evaluationBatches } from './data-source.js';

/** Images in a mosaic. */
const ROWS = 8;

/** A few images that the model is shown but not trained on, ready for the model. */
export interface HeldOutImages {
  /** NHWC, normalised. */
  readonly images: Float32Array;
  readonly count: number;
  readonly settings: PretrainSettings;
}

/** The first images, spread over the test split; of the training split where there is no other. */
export async function loadHeldOut(settings: PretrainSettings): Promise<HeldOutImages> {
  const dataset = await testOrTrain(settings);
  const count = Math.min(ROWS, dataset.length);
  const spread = Array.from({ length: count }, (_, i) => Math.floor((i * dataset.length) / count));
  return firstBatch(subset(dataset, spread), settings, count);
}

/** The first images of a data set, ready for the model. @throws when the data set is empty. */
export async function firstBatch(
  dataset: Dataset,
  settings: PretrainSettings,
  count: number,
): Promise<HeldOutImages> {
  for await (const batch of evaluationBatches(dataset, settings, Math.min(count, dataset.length))) {
    const [found, , , channels] = batch.shape;
    return { images: normalisedImages(batch, channels), count: found, settings };
  }
  throw new Error(`${dataset.name} has no images to reconstruct`);
}

async function testOrTrain(settings: PretrainSettings): Promise<Dataset> {
  const open = (split: 'train' | 'test') => openDataset(settings.data, { kind: settings.dataKind, split });
  return open('test').catch(() => open('train'));
}

/** The masking plan of mosaics: always the same for a seed, so that pictures of a run can be compared. */
function mosaicPlan(config: PretrainConfig, count: number): MaskPlan {
  return maskPlan(fold(runKeys(config).mask, 'mosaic'), config.mask, config.model, count);
}

/** Predict hidden patches of images, for a picture of it. */
async function predict(
  params: Mae,
  config: PretrainConfig,
  { images, count, settings }: HeldOutImages,
): Promise<Reconstruction> {
  const { model } = config;
  const [height, width] = model.imageSize;
  const plan = mosaicPlan(config, count);
  const prediction = tf.tidy(() => {
    const patches = patchify(tf.tensor4d(images, [count, height, width, model.channels]), model.patchSize);
    return reconstruct(params, model, patches, uploadPlan(plan));
  });
  const values = (await prediction.data()) as Float32Array;
  prediction.dispose();
  const { mean, std } = NORMALISATIONS[normalisationName(settings.normalise, model)];
  return {
    ...{ images, prediction: values, mask: plan.mask, height, width, channels: model.channels },
    ...{ patchSize: model.patchSize, normPix: config.normPix, mean, std },
  };
}

/** Write the mosaic original | masked | reconstruction | with visible patches, as PNG. */
export async function writeReconstruction(
  params: Mae,
  config: PretrainConfig,
  heldOut: HeldOutImages,
  path: string,
): Promise<{ readonly png: Uint8Array; readonly mosaic: RgbaImage }> {
  const mosaic = reconstructionMosaic(await predict(params, config, heldOut));
  const png = encodePng(mosaic);
  await writeFile(path, png);
  return { png, mosaic };
}
