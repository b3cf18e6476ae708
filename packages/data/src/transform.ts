import { fold, type Key } from '@maehem/random';
import { colourJitter } from './augment/colour-jitter.js';
import { type RandAugmentOptions, randAugment } from './augment/rand-augment.js';
import { type RandomErasingOptions, randomErasing } from './augment/random-erasing.js';
import { toChannels } from './channels.js';
import { centreCrop, resizeShortSide } from './crop.js';
import { fixedSizeCrop } from './fixed-size-crop.js';
import { randomFlip } from './flip.js';
import { heightAndWidth, type Image, type ImageSize } from './image.js';
import {
  type ByteImage,
  type ModelImage,
  NORMALISATIONS,
  type Normalisation,
  type NormalisationName,
  normalisationOf,
  normaliser,
} from './normalise.js';
import { type RandomResizedCropOptions, randomResizedCrop } from './random-resized-crop.js';
import { resample } from './resample.js';

/** A decoded image to what the model takes. All its randomness comes from `key`. */
export type Transform<Result extends ModelImage = ModelImage> = (image: Image, key: Key) => Result;

export interface TransformOptions {
  /** Of the result, in pixels. */
  readonly size: ImageSize;
  readonly channels: 1 | 3;
  readonly normalisation: NormalisationName | Normalisation;
}

export interface TrainTransformOptions extends TransformOptions {
  /**
   * Random resized crop: scale and ratio; `fixed` for a random crop of one size (table 1e); or `false` to squeeze the
   * whole image into `size`. Default: the paper's.
   */
  readonly crop?: RandomResizedCropOptions | 'fixed' | false;
  /** Horizontal flip with probability 1/2. Default true; switch it off where left and right matter, as for digits. */
  readonly flip?: boolean;
  /** Strength of brightness, contrast and saturation jitter, an ablation of the paper (table 1e). Default none. */
  readonly colourJitter?: number;
  /** Fine-tuning's augmentation (table 9). Default none. */
  readonly randAugment?: RandAugmentOptions | undefined;
  /** Fine-tuning's random erasing, which the reference adds. Default none. */
  readonly erasing?: RandomErasingOptions | undefined;
}

/**
 * Augmentation, in timm's order: crop, flip, jitter or RandAugment, normalisation, erasing. Pretraining has the first
 * two and nothing else (He et al. 2021, section 4.1 and A.1). Images stay bytes, to be normalised on the device; with
 * erasing, which leaves noise in numbers, they are normalised here.
 */
export function trainTransform(options: TrainTransformOptions): Transform {
  const { channels, normalisation, flip = true, colourJitter: jitter = 0, erasing } = options;
  const normalise = normaliser(normalisation, channels);
  const each = normalisationOf(normalisation, channels);
  const fill = meanColour(normalisation);
  return (image, key) => {
    const cropped = takeCrop(toChannels(image, channels), fold(key, 'crop'), options);
    const flipped = flip ? randomFlip(cropped, fold(key, 'flip')) : cropped;
    const jittered = jitter > 0 ? colourJitter(flipped, fold(key, 'jitter'), jitter) : flipped;
    const augmented = options.randAugment
      ? randAugment(jittered, fold(key, 'randaugment'), fill, options.randAugment)
      : jittered;
    if (!erasing) return { ...augmented, normalisation: each };
    return randomErasing(normalise(augmented), fold(key, 'erasing'), erasing);
  };
}

function takeCrop(image: Image, key: Key, { size, crop = {} }: TrainTransformOptions): Image {
  if (crop === false) return resample(image, heightAndWidth(size));
  return crop === 'fixed' ? fixedSizeCrop(image, size, key) : randomResizedCrop(image, size, key, crop);
}

/** What RandAugment lays behind moved images: the mean, 0 … 255, as timm does. */
function meanColour(normalisation: NormalisationName | Normalisation): readonly number[] {
  const { mean } = typeof normalisation === 'string' ? NORMALISATIONS[normalisation] : normalisation;
  return mean.map((value) => Math.min(255, Math.round(255 * value)));
}

export interface EvaluationTransformOptions extends TransformOptions {
  /**
   * Short side before the central crop, in pixels. Default: the larger side of `size`, so that nothing but the long
   * side's ends is lost. The reference evaluates 224 with 256 (`size / 0.875`).
   */
  readonly shortSide?: number;
}

/** Evaluation's preprocessing: short side resized (bicubic), central crop, to be normalised. Ignores its key. */
export function evaluationTransform(options: EvaluationTransformOptions): Transform<ByteImage> {
  const { size, channels } = options;
  const [height, width] = heightAndWidth(size);
  const shortSide = options.shortSide ?? Math.max(height, width);
  if (shortSide < Math.max(height, width))
    throw new Error(`shortSide ${shortSide} is smaller than the crop of ${height}x${width}; raise it`);
  const normalisation = normalisationOf(options.normalisation, channels);
  return (image) => {
    const cut = centreCrop(resizeShortSide(toChannels(image, channels), shortSide), [height, width]);
    return { ...cut, normalisation };
  };
}
