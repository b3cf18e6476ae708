import { type Key, uniform } from '@maehem/random';
import type { Image } from './image.js';

/** The image in a mirror: left and right exchanged. */
export function flipHorizontally(image: Image): Image {
  const { height, width, channels, pixels: from } = image;
  const pixels = new Uint8Array(from.length);
  for (let y = 0, out = 0; y < height; y++)
    for (let x = width - 1; x >= 0; x--)
      for (let c = 0, place = (y * width + x) * channels; c < channels; c++) pixels[out++] = from[place + c]!;
  return { height, width, channels, pixels };
}

/** Flips with probability 1/2, by `key`. */
export function randomFlip(image: Image, key: Key): Image {
  return uniform(key, 1)[0]! < 0.5 ? flipHorizontally(image) : image;
}
