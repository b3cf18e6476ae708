import { NORMALISATIONS } from '@maehem/data';
import { type Mae, reconstruct } from '@maehem/mae';
import { type MaskPlan, patchify, planFromHidden, uploadPlan } from '@maehem/patches';
import { fold } from '@maehem/random';
import { normalisationName, type PretrainSettings, pretrainConfig } from '@maehem/settings';
import { maskPlan, runKeys } from '@maehem/train';
import { type PixelFormat, type RgbaImage, reconstructionStages } from '@maehem/viz';
import * as tf from '@tensorflow/tfjs-core';
import type { Guess, Hiding } from './protocol.js';

/** How a run's images are laid out and normalised. */
export function pixelFormat(settings: PretrainSettings): PixelFormat {
  const { model } = pretrainConfig(settings);
  const [height, width] = model.imageSize;
  const { mean, std } = NORMALISATIONS[normalisationName(settings.normalise, model)];
  return { height, width, channels: model.channels, mean, std };
}

/** The plan of the live pictures: always the same for a run, so that its progress can be seen. */
export function livePlan(settings: PretrainSettings, count: number): MaskPlan {
  const config = pretrainConfig(settings);
  return maskPlan(fold(runKeys(config).mask, 'mosaic'), config.mask, config.model, count);
}

/**
 * The plan of one picture: what a person hid, or a draw at a ratio by the run's strategy.
 * @throws when nothing would stay visible.
 */
export function planOf(settings: PretrainSettings, hiding: Hiding): MaskPlan {
  const config = pretrainConfig(settings);
  if ('ratio' in hiding) {
    const key = fold(fold(runKeys(config).mask, 'look'), hiding.draw);
    return maskPlan(key, { ...config.mask, ratio: hiding.ratio }, config.model, 1);
  }
  const visible = hiding.hidden.filter((flag) => flag === 0).length;
  if (visible === 0) throw new Error('every patch is hidden; leave at least one to look at');
  return planFromHidden([hiding.hidden], visible);
}

/**
 * What a model makes of masked pictures.
 * @param images [batch, height, width, channel], normalised
 */
export async function guessPictures(
  params: Mae,
  settings: PretrainSettings,
  images: Float32Array,
  plan: MaskPlan,
): Promise<Guess[]> {
  const { model, normPix } = pretrainConfig(settings);
  const [height, width] = model.imageSize;
  const prediction = tf.tidy(() => {
    const pixels = tf.tensor4d(images, [plan.batch, height, width, model.channels]);
    return reconstruct(params, model, patchify(pixels, model.patchSize), uploadPlan(plan));
  });
  const values = (await prediction.data()) as Float32Array;
  prediction.dispose();
  const stages = reconstructionStages({
    ...pixelFormat(settings),
    ...{ images, prediction: values, mask: plan.mask, patchSize: model.patchSize, normPix },
  });
  return stages.map(({ original, pasted }, at) => {
    const hidden = Uint8Array.from(plan.mask.subarray(at * plan.tokens, (at + 1) * plan.tokens));
    return { original, masked: cutOut(original, hidden, model.patchSize), guess: pasted, hidden };
  });
}

/** A picture with its hidden patches transparent. */
function cutOut(image: RgbaImage, hidden: Uint8Array, [tall, wide]: readonly [number, number]): RgbaImage {
  const { width, height } = image;
  const data = image.data.slice();
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (hidden[Math.floor(y / tall) * (width / wide) + Math.floor(x / wide)])
        data[(y * width + x) * 4 + 3] = 0;
  return { width, height, data };
}
