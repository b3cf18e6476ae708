import { heightAndWidth, type Image, type ImageSize, shapeName } from './image.js';
import { crop, resample } from './resample.js';

/**
 * Bicubic resize to a short side of `shortSide` pixels, the long side by the same factor and rounded down, as
 * torchvision's `Resize(shortSide)`.
 */
export function resizeShortSide(image: Image, shortSide: number): Image {
  const { height, width } = image;
  const short = Math.min(height, width);
  const long = (side: number): number =>
    side === short ? shortSide : Math.floor((shortSide * side) / short);
  return resample(image, [long(height), long(width)]);
}

/**
 * The middle of an image, as torchvision's `CenterCrop`.
 * @throws when the image is smaller than that.
 */
export function centreCrop(image: Image, size: ImageSize): Image {
  const [height, width] = heightAndWidth(size);
  if (height > image.height || width > image.width)
    throw new Error(`can't cut ${height}x${width} out of an image of ${shapeName(image)}; resize it first`);
  const left = roundHalfToEven((image.width - width) / 2);
  const top = roundHalfToEven((image.height - height) / 2);
  return crop(image, { left, top, width, height });
}

/** As Python rounds, so that odd margins lose the same pixel as in torchvision. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
