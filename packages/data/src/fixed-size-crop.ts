import { type Key, uniform } from '@maehem/random';
import { resizeShortSide } from './crop.js';
import { heightAndWidth, type Image, type ImageSize } from './image.js';
import { crop } from './resample.js';

/** 256 for a crop of 224. */
const MARGIN = 8 / 7;

/**
 * A crop of fixed size at a random place: the short side resized to 8/7 of the larger side of `size`, then a part of
 * `size` cut out. The paper's weaker augmentation (table 1e, "crop, fixed size").
 */
export function fixedSizeCrop(image: Image, size: ImageSize, key: Key): Image {
  const [height, width] = heightAndWidth(size);
  const resized = resizeShortSide(image, Math.round(Math.max(height, width) * MARGIN));
  const [u0, u1] = uniform(key, 2) as unknown as [number, number];
  const top = Math.floor(u0 * (resized.height - height + 1));
  const left = Math.floor(u1 * (resized.width - width + 1));
  return crop(resized, { left, top, width, height });
}
