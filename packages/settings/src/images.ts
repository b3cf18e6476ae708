import { evaluationTransform, type NormalisationName, type Transform, trainTransform } from '@maehem/data';
import type { MaeConfig } from '@maehem/mae';
import { modelConfig, type PretrainSettings } from './schema.js';

/** Which pixels' mean and deviation suit a model's images, when nobody says. */
export function normalisationName(
  chosen: PretrainSettings['normalise'],
  model: MaeConfig,
): NormalisationName {
  if (chosen !== 'auto') return chosen;
  if (model.channels === 1) return 'mnist';
  return Math.max(...model.imageSize) <= 64 ? 'cifar10' : 'imagenet';
}

/** What images go through before a run trains on them: crop, flip and normalisation as the settings say. */
export function trainingImages(settings: PretrainSettings): Transform {
  const { crop, minScale, flip } = settings.augment;
  return trainTransform({ ...modelImages(settings), crop: crop ? { scale: [minScale, 1] } : false, flip });
}

/** What images go through before a run's model is shown them: resized, cut in the middle, normalised. */
export function evaluationImages(settings: PretrainSettings): Transform {
  return evaluationTransform(modelImages(settings));
}

function modelImages(settings: PretrainSettings) {
  const model = modelConfig(settings.model);
  return {
    size: model.imageSize,
    channels: model.channels as 1 | 3,
    normalisation: normalisationName(settings.normalise, model),
  };
}
