import { fold, type Key, uniform } from '@maehem/random';
import { roundHalfToEven } from './crop.js';
import type { Image, ImageSize } from './image.js';
import { type Box, crop, resample } from './resample.js';

export interface RandomResizedCropOptions {
  /** Area of the crop as a share of the image's. Default [0.2, 1], the paper's (appendix A.1). */
  readonly scale?: readonly [low: number, high: number];
  /** Width / height of the crop. Default [3/4, 4/3]. */
  readonly ratio?: readonly [low: number, high: number];
}

const ATTEMPTS = 10;

/** The crop that `randomResizedCrop` takes: torchvision's algorithm, its numbers from `key`. */
export function randomResizedCropBox(
  { height, width }: Pick<Image, 'height' | 'width'>,
  key: Key,
  { scale = [0.2, 1], ratio = [3 / 4, 4 / 3] }: RandomResizedCropOptions = {},
): Box {
  const [logLow, logHigh] = [Math.log(ratio[0]), Math.log(ratio[1])];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [u0, u1, u2, u3] = uniform(fold(key, attempt), 4) as unknown as [number, number, number, number];
    const area = height * width * (scale[0] + (scale[1] - scale[0]) * u0);
    // Engines may differ in the last digit of exp; rounding to whole pixels hides that.
    const aspect = Math.exp(logLow + (logHigh - logLow) * u1);
    const boxWidth = roundHalfToEven(Math.sqrt(area * aspect));
    const boxHeight = roundHalfToEven(Math.sqrt(area / aspect));
    if (boxWidth < 1 || boxHeight < 1 || boxWidth > width || boxHeight > height) continue;
    const top = Math.floor(u2 * (height - boxHeight + 1));
    const left = Math.floor(u3 * (width - boxWidth + 1));
    return { left, top, width: boxWidth, height: boxHeight };
  }
  return largestCentralBox(height, width, ratio);
}

/** A random part of the image, resized to `size` (bicubic): the paper's only augmentation besides the flip. */
export function randomResizedCrop(
  image: Image,
  size: ImageSize,
  key: Key,
  options: RandomResizedCropOptions = {},
): Image {
  // Cropped first, as torchvision does: the kernel sees nothing outside of the box.
  return resample(crop(image, randomResizedCropBox(image, key, options)), size);
}

function largestCentralBox(height: number, width: number, [low, high]: readonly [number, number]): Box {
  const aspect = width / height;
  const boxWidth = aspect > high ? Math.max(1, roundHalfToEven(height * high)) : width;
  const boxHeight = aspect < low ? Math.max(1, roundHalfToEven(width / low)) : height;
  const left = Math.floor((width - boxWidth) / 2);
  const top = Math.floor((height - boxHeight) / 2);
  return { left, top, width: boxWidth, height: boxHeight };
}
