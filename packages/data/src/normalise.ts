import { type FloatImage, type Image, shapeName } from './image.js';

/** Per channel, in units of the pixel range 0 … 1; a single entry holds for every channel. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export type NormalisationName = 'imagenet' | 'cifar10' | 'mnist' | 'half' | 'none';

/** Means and deviations of the training sets; `half` maps 0 … 1 to -1 … 1, `none` leaves it. */
export const NORMALISATIONS: Readonly<Record<NormalisationName, Normalisation>> = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  mnist: { mean: [0.1307], std: [0.3081] },
  half: { mean: [0.5], std: [0.5] },
  none: { mean: [0], std: [1] },
};

/** An image of bytes, and how a model wants them normalised: on the device where that can be, see {@link byteLevels}. */
export interface ByteImage extends Image {
  readonly normalisation: Normalisation;
}

/** An image as a transform leaves it: bytes that are still to be normalised, or normalised numbers. */
export type ModelImage = ByteImage | FloatImage;

/** Images one after the other, [batch, height, width, channel]: bytes that are still to be normalised, or normalised numbers. */
export type ModelImages =
  | { readonly images: Uint8Array; readonly normalisation: Normalisation }
  | { readonly images: Float32Array; readonly normalisation?: undefined };

/**
 * A normalisation by name or as given, with an entry for each channel.
 * @throws when mean and std are not one a channel, not finite, or a std is not positive.
 */
export function normalisationOf(given: NormalisationName | Normalisation, channels: number): Normalisation {
  const { mean, std } = typeof given === 'string' ? NORMALISATIONS[given] : given;
  const each = { mean: perChannel(mean, channels, 'mean'), std: perChannel(std, channels, 'std') };
  if (!std.every((value) => value > 0)) throw new Error(`normalisation std must be positive, got [${std}]`);
  return each;
}

/** @throws when the values are neither one nor one a channel, or not finite. */
function perChannel(values: readonly number[], channels: number, what: string): readonly number[] {
  if (values.length !== 1 && values.length !== channels)
    throw new Error(
      `normalisation ${what} has ${values.length} entries but images have ${channels} channel(s); give one for each`,
    );
  if (!values.every(Number.isFinite))
    throw new Error(`normalisation ${what} must be finite, got [${values}]`);
  return Array.from({ length: channels }, (_, channel) => values[values.length === 1 ? 0 : channel]!);
}

/**
 * The number that each byte stands for: (byte / 255 - mean) / std, in float32 as PyTorch computes it.
 * @returns [channel, 256]
 * @throws when the normalisation does not fit, as {@link normalisationOf} does.
 */
export function byteLevels(given: NormalisationName | Normalisation, channels: number): Float32Array {
  const { mean, std } = normalisationOf(given, channels);
  const [means, stds] = [Float32Array.from(mean), Float32Array.from(std)];
  return Float32Array.from({ length: channels * 256 }, (_, place) => {
    const channel = place >> 8;
    return Math.fround(Math.fround((place & 255) / 255) - means[channel]!) / stds[channel]!;
  });
}

/** {@link byteLevels} of every pixel. */
export type Normaliser = (image: Image) => FloatImage;

/**
 * A normaliser for images of `channels` channels.
 * @throws when the normalisation does not fit, as {@link normalisationOf} does.
 */
export function normaliser(given: NormalisationName | Normalisation, channels: number): Normaliser {
  const levels = byteLevels(given, channels);
  return (image) => {
    if (image.channels !== channels)
      throw new Error(`normalisation is for ${channels} channel(s), the image is ${shapeName(image)}`);
    const { height, width, pixels } = image;
    return { height, width, channels, values: lookUp(pixels, levels, channels) };
  };
}

/** The values of an image, [height, width, channel]: normalised now where it is bytes. */
export function normalisedValues(image: ModelImage): Float32Array {
  if ('values' in image) return image.values;
  return lookUp(image.pixels, byteLevels(image.normalisation, image.channels), image.channels);
}

/** The values of images, [batch, height, width, channel]: normalised now where they are bytes. */
export function normalisedImages({ images, normalisation }: ModelImages, channels: number): Float32Array {
  if (normalisation === undefined) return images;
  return lookUp(images, byteLevels(normalisation, channels), channels);
}

function lookUp(bytes: Uint8Array, levels: Float32Array, channels: number): Float32Array {
  const values = new Float32Array(bytes.length);
  for (let place = 0; place < bytes.length; place += channels)
    for (let c = 0; c < channels; c++) values[place + c] = levels[(c << 8) | bytes[place + c]!]!;
  return values;
}
