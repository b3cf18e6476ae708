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

/** (pixel / 255 - mean) / std for every pixel, in float32. */
export type Normaliser = (image: Image) => FloatImage;

/**
 * A normaliser for images of `channels` channels, by a table of 256 results a channel.
 * @throws when mean and std are not one a channel, not finite, or a std is not positive.
 */
export function normaliser(normalisation: NormalisationName | Normalisation, channels: number): Normaliser {
  const { mean, std } = typeof normalisation === 'string' ? NORMALISATIONS[normalisation] : normalisation;
  const means = perChannel(mean, channels, 'mean');
  const stds = perChannel(std, channels, 'std');
  if (!stds.every((value) => value > 0)) throw new Error(`normalisation std must be positive, got [${std}]`);
  const table = Float32Array.from({ length: channels * 256 }, (_, place) => {
    const channel = place >> 8;
    return Math.fround(Math.fround((place & 255) / 255) - means[channel]!) / stds[channel]!;
  });
  return (image) => lookUp(image, table, channels);
}

/** In float32, one for each channel. */
function perChannel(values: readonly number[], channels: number, what: string): Float32Array {
  if (values.length !== 1 && values.length !== channels)
    throw new Error(
      `normalisation ${what} has ${values.length} entries but images have ${channels} channel(s); give one for each`,
    );
  if (!values.every(Number.isFinite))
    throw new Error(`normalisation ${what} must be finite, got [${values}]`);
  return Float32Array.from({ length: channels }, (_, channel) => values[values.length === 1 ? 0 : channel]!);
}

function lookUp(image: Image, table: Float32Array, channels: number): FloatImage {
  if (image.channels !== channels)
    throw new Error(`normalisation is for ${channels} channel(s), the image is ${shapeName(image)}`);
  const { height, width, pixels } = image;
  const values = new Float32Array(pixels.length);
  for (let place = 0; place < pixels.length; place += channels)
    for (let c = 0; c < channels; c++) values[place + c] = table[(c << 8) | pixels[place + c]!]!;
  return { height, width, channels, values };
}
