import { fold, type Key, normal, uniform } from '@maehem/random';
import { roundHalfToEven } from '../crop.js';
import type { FloatImage } from '../image.js';

/** Random erasing (Zhong et al. 2020) as timm has it. */
export interface RandomErasingOptions {
  /** Chance of an image to lose a rectangle; the reference's fine-tuning has 0.25. */
  readonly probability: number;
  /** The rectangle's share of the area. Default [0.02, 1/3]. */
  readonly area?: readonly [low: number, high: number];
  /** Height over width. Default [0.3, 1/0.3]. */
  readonly aspect?: readonly [low: number, high: number];
  /** `pixel`, the reference's and the default: normal noise for every value; `const`: zeros, the mean colour. */
  readonly mode?: 'pixel' | 'const';
}

const ATTEMPTS = 10;

/**
 * Erases a rectangle, by `key`. Comes after normalisation: noise of mean 0 and deviation 1 looks like the data.
 * @throws when the probability is none.
 */
export function randomErasing(image: FloatImage, key: Key, options: RandomErasingOptions): FloatImage {
  const { probability, mode = 'pixel' } = options;
  if (!(probability >= 0 && probability <= 1))
    throw new Error(`random erasing needs a probability from 0 to 1, got ${probability}`);
  if (uniform(fold(key, 'whether'), 1)[0]! >= probability) return image;
  const box = erasedBox(image, key, options);
  if (box === undefined) return image;
  const { height, width, channels, values: from } = image;
  const values = from.slice();
  const row = box.width * channels;
  const noise = mode === 'pixel' ? normal(fold(key, 'noise'), box.height * row) : undefined;
  for (let y = 0; y < box.height; y++) {
    const start = ((box.top + y) * width + box.left) * channels;
    if (noise === undefined) values.fill(0, start, start + row);
    else values.set(noise.subarray(y * row, (y + 1) * row), start);
  }
  return { height, width, channels, values };
}

interface ErasedBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** A rectangle smaller than the image on both sides, or none when ten draws give none. */
function erasedBox(
  image: FloatImage,
  key: Key,
  { area = [0.02, 1 / 3], aspect = [0.3, 1 / 0.3] }: RandomErasingOptions,
): ErasedBox | undefined {
  const [logLow, logHigh] = [Math.log(aspect[0]), Math.log(aspect[1])];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [u0, u1, u2, u3] = uniform(fold(key, attempt), 4) as unknown as [number, number, number, number];
    const target = image.height * image.width * (area[0] + (area[1] - area[0]) * u0);
    const ratio = Math.exp(logLow + (logHigh - logLow) * u1);
    const height = roundHalfToEven(Math.sqrt(target * ratio));
    const width = roundHalfToEven(Math.sqrt(target / ratio));
    if (height < 1 || width < 1 || height >= image.height || width >= image.width) continue;
    const top = Math.floor(u2 * (image.height - height + 1));
    const left = Math.floor(u3 * (image.width - width + 1));
    return { top, left, height, width };
  }
  return undefined;
}
