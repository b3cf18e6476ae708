import { toChannels } from '../channels.js';
import type { Image } from '../image.js';

// Pillow's ImageEnhance: each blends an image with a degenerate one; a factor of 1 changes nothing, 0 gives the
// degenerate, above 1 goes beyond the image. The same to the bit.

/** Saturation: towards the gray image. */
export function adjustColour(image: Image, factor: number): Image {
  return blend(grayLike(image), image, factor);
}

/** Contrast: towards the mean gray. */
export function adjustContrast(image: Image, factor: number): Image {
  const gray = image.channels === 1 ? image : toChannels(image, 1);
  const mean = Math.floor(gray.pixels.reduce((sum, value) => sum + value, 0) / gray.pixels.length + 0.5);
  return blend({ ...image, pixels: new Uint8Array(image.pixels.length).fill(mean) }, image, factor);
}

/** Brightness: towards black. */
export function adjustBrightness(image: Image, factor: number): Image {
  return blend({ ...image, pixels: new Uint8Array(image.pixels.length) }, image, factor);
}

/** Sharpness: towards a smoothed image. */
export function adjustSharpness(image: Image, factor: number): Image {
  return blend(smooth(image), image, factor);
}

function grayLike(image: Image): Image {
  return image.channels === 1 ? image : toChannels(toChannels(image, 1), 3);
}

/** `from + factor * (to - from)` in float32, clamped and cut off to whole numbers: `Image.blend`. */
function blend(from: Image, to: Image, factor: number): Image {
  const alpha = Math.fround(factor);
  const pixels = new Uint8Array(to.pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const start = from.pixels[i]!;
    const value = Math.fround(start + Math.fround(alpha * (to.pixels[i]! - start)));
    pixels[i] = Math.max(0, Math.min(255, value));
  }
  return { ...pick(to), pixels };
}

/** Pillow's SMOOTH filter: 3x3 ones with a five in the middle, over 13. The border stays as it is. */
function smooth(image: Image): Image {
  const { height, width, channels, pixels: from } = image;
  const pixels = from.slice();
  const row = width * channels;
  for (let y = 1; y < height - 1; y++)
    for (let i = y * row + channels; i < (y + 1) * row - channels; i++) {
      let sum = 4 * from[i]!;
      for (const above of [i - row, i, i + row])
        sum += from[above - channels]! + from[above]! + from[above + channels]!;
      pixels[i] = Math.floor(sum / 13 + 0.5);
    }
  return { ...pick(image), pixels };
}

/** Shape alone: a sample's name and label belong to the sample. */
function pick({ height, width, channels }: Image): Omit<Image, 'pixels'> {
  return { height, width, channels };
}
