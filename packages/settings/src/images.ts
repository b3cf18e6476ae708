import { evaluationTransform, type NormalisationName, type Transform, trainTransform } from '@maehem/data';
import type { VitConfig } from '@maehem/vit';
import type { FinetuneSettings } from './finetune-schema.js';
import { modelConfig, type PretrainSettings } from './schema.js';

/** Which pixels' mean and deviation suit a model's images, when nobody says. */
export function normalisationName(
  chosen: PretrainSettings['normalise'],
  model: Pick<VitConfig, 'imageSize' | 'channels'>,
): NormalisationName {
  if (chosen !== 'auto') return chosen;
  if (model.channels === 1) return 'mnist';
  return Math.max(...model.imageSize) <= 64 ? 'cifar10' : 'imagenet';
}

/** What images go through before a run trains on them: crop, flip and normalisation as the settings say. */
export function trainingImages(settings: PretrainSettings): Transform {
  const { crop, minScale, flip, colourJitter } = settings.augment;
  const images = modelImages(settings, modelConfig(settings.model));
  const taken = crop === true ? ({ scale: [minScale, 1] } as const) : crop;
  return trainTransform({ ...images, crop: taken, flip, colourJitter });
}

/** What images go through before a run's model is shown them: resized, cut in the middle, normalised. */
export function evaluationImages(settings: PretrainSettings): Transform {
  return evaluationTransform(modelImages(settings, modelConfig(settings.model)));
}

/** What labelled images go through before a classifier trains on them (table 9). */
export function labelledImages(settings: FinetuneSettings, model: VitConfig): Transform {
  const { crop, minScale, flip, randAugment, erasing } = settings.augment;
  return trainTransform({
    ...modelImages(settings, model),
    ...{ crop: crop ? { scale: [minScale, 1] } : false, flip },
    ...(randAugment && { randAugment }),
    ...(erasing > 0 && { erasing: { probability: erasing } }),
  });
}

/**
 * What images go through before a classifier is tested on them. As in the reference, large ones lose their rim: 224
 * is cut out of a short side of 256. Of small ones (up to 64 pixels) nothing is cut off.
 */
export function testImages(settings: Pick<FinetuneSettings, 'normalise'>, model: VitConfig): Transform {
  const side = Math.max(...model.imageSize);
  const shortSide = side > 64 && side <= 224 ? Math.trunc((side * 256) / 224) : side;
  return evaluationTransform({ ...modelImages(settings, model), shortSide });
}

function modelImages({ normalise }: Pick<PretrainSettings, 'normalise'>, model: VitConfig) {
  return {
    size: model.imageSize,
    channels: model.channels as 1 | 3,
    normalisation: normalisationName(normalise, model),
  };
}
