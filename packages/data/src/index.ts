export { colourJitter } from './augment/colour-jitter.js';
export { type MixOptions, type MixPlan, mixImages, mixPlan, mixTargets } from './augment/mix.js';
export { RAND_AUGMENT_OPERATIONS, type RandAugmentOptions, randAugment } from './augment/rand-augment.js';
export { type RandomErasingOptions, randomErasing } from './augment/random-erasing.js';
export { assertFinite, BadImageError, imageFromFloats } from './bad-image.js';
export { type Batch, type BatchOptions, batches, type SkippedImage } from './batches.js';
export { cached } from './cache.js';
export { toChannels } from './channels.js';
export { CIFAR10_CLASSES, type Cifar100Labels, cifar10Dataset, cifar100Dataset } from './cifar.js';
export { centreCrop, resizeShortSide } from './crop.js';
export {
  type Dataset,
  inMemoryDataset,
  type PackedImages,
  packedDataset,
  splitDataset,
  subset,
} from './dataset.js';
export { batchesPerEpoch, epochOrder } from './epoch-order.js';
export { fixedSizeCrop } from './fixed-size-crop.js';
export { flipHorizontally, randomFlip } from './flip.js';
export { gunzip } from './gzip.js';
export { type IdxArray, parseIdx } from './idx.js';
export type { FloatImage, Image, ImageSize, Sample } from './image.js';
export { mnistDataset, type NamedBytes } from './mnist.js';
export {
  type ByteImage,
  byteLevels,
  type ModelImage,
  type ModelImages,
  NORMALISATIONS,
  type Normalisation,
  type NormalisationName,
  type Normaliser,
  normalisationOf,
  normalisedImages,
  normalisedValues,
  normaliser,
} from './normalise.js';
export {
  type RandomResizedCropOptions,
  randomResizedCrop,
  randomResizedCropBox,
} from './random-resized-crop.js';
export { type Box, crop, resample } from './resample.js';
export {
  type EvaluationTransformOptions,
  evaluationTransform,
  type TrainTransformOptions,
  type Transform,
  type TransformOptions,
  trainTransform,
} from './transform.js';
