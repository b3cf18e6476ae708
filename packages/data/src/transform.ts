import { fold, type Key } from '@maehem/random';
import { toChannels } from './channels.js';
import { centreCrop, resizeShortSide } from './crop.js';
import { randomFlip } from './flip.js';
import { type FloatImage, heightAndWidth, type Image, type ImageSize } from './image.js';
import { type Normalisation, type NormalisationName, normaliser } from './normalise.js';
import { type RandomResizedCropOptions, randomResizedCrop } from './random-resized-crop.js';
import { resample } from './resample.js';

/** A decoded image to what the model takes. All its randomness comes from `key`. */
export type Transform = (image: Image, key: Key) => FloatImage;

export interface TransformOptions {
  /** Of the result, in pixels. */
  readonly size: ImageSize;
  readonly channels: 1 | 3;
  readonly normalisation: NormalisationName | Normalisation;
}

export interface TrainTransformOptions extends TransformOptions {
  /** Random resized crop: scale and ratio, or `false` to squeeze the whole image into `size`. Default: the paper's. */
  readonly crop?: RandomResizedCropOptions | false;
  /** Horizontal flip with probability 1/2. Default true; switch it off where left and right matter, as for digits. */
  readonly flip?: boolean;
}

/** Pretraining's augmentation: random resized crop and flip, nothing else (He et al. 2021, section 4.1 and A.1). */
export function trainTransform(options: TrainTransformOptions): Transform {
  const { size, channels, normalisation, crop = {}, flip = true } = options;
  const [height, width] = heightAndWidth(size);
  const normalise = normaliser(normalisation, channels);
  return (image, key) => {
    const source = toChannels(image, channels);
    const cropped =
      crop === false
        ? resample(source, [height, width])
        : randomResizedCrop(source, [height, width], fold(key, 'crop'), crop);
    return normalise(flip ? randomFlip(cropped, fold(key, 'flip')) : cropped);
  };
}

export interface EvaluationTransformOptions extends TransformOptions {
  /**
   * Short side before the central crop, in pixels. Default: the larger side of `size`, so that nothing but the long
   * side's ends is lost. The reference evaluates 224 with 256 (`size / 0.875`).
   */
  readonly shortSide?: number;
}

/** Evaluation's preprocessing: short side resized (bicubic), central crop, normalised. Ignores its key. */
export function evaluationTransform(options: EvaluationTransformOptions): Transform {
  const { size, channels, normalisation } = options;
  const [height, width] = heightAndWidth(size);
  const shortSide = options.shortSide ?? Math.max(height, width);
  if (shortSide < Math.max(height, width))
    throw new Error(`shortSide ${shortSide} is smaller than the crop of ${height}x${width}; raise it`);
  const normalise = normaliser(normalisation, channels);
  return (image) =>
    normalise(centreCrop(resizeShortSide(toChannels(image, channels), shortSide), [height, width]));
}
