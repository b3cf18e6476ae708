import type { Image } from '../image.js';

// Pillow's ImageOps on tones: each is a table of 256 values, for all channels or one for each.

/** Dark becomes bright. */
export function invert(image: Image): Image {
  return mapTones(image, (value) => 255 - value);
}

/** Inverts what is at least as bright as `threshold`. */
export function solarize(image: Image, threshold: number): Image {
  return mapTones(image, (value) => (value < threshold ? value : 255 - value));
}

/** Brightens the dark half (below 128) by `amount`: timm's `solarize_add`. */
export function solarizeAdd(image: Image, amount: number): Image {
  return mapTones(image, (value) => (value < 128 ? Math.min(255, value + amount) : value));
}

/** Keeps the `bits` highest bits. */
export function posterize(image: Image, bits: number): Image {
  if (bits >= 8) return image;
  const mask = ~(2 ** (8 - bits) - 1) & 255;
  return mapTones(image, (value) => value & mask);
}

/** Stretches each channel to the whole range. */
export function autoContrast(image: Image): Image {
  return mapChannels(image, (histogram) => {
    const low = histogram.findIndex((count) => count > 0);
    const high = histogram.findLastIndex((count) => count > 0);
    if (high <= low) return undefined;
    const scale = 255 / (high - low);
    return (value) => clamp(Math.trunc(value * scale - low * scale));
  });
}

/** Makes each channel's tones equally frequent. */
export function equalize(image: Image): Image {
  return mapChannels(image, (histogram) => {
    const used = histogram.filter((count) => count > 0);
    if (used.length <= 1) return undefined;
    const step = Math.floor((used.reduce((sum, count) => sum + count, 0) - used[used.length - 1]!) / 255);
    if (step === 0) return undefined;
    let below = Math.floor(step / 2);
    const table = histogram.map((count) => {
      const tone = Math.floor(below / step);
      below += count;
      return clamp(tone);
    });
    return (value) => table[value]!;
  });
}

type Tone = (value: number) => number;

function mapTones(image: Image, tone: Tone): Image {
  return mapChannels(image, () => tone);
}

/** @param toneOf the tones of a channel by its histogram, or nothing to leave the channel alone */
function mapChannels(image: Image, toneOf: (histogram: number[]) => Tone | undefined): Image {
  const { height, width, channels, pixels: from } = image;
  const pixels = from.slice();
  for (let channel = 0; channel < channels; channel++) {
    const histogram = new Array<number>(256).fill(0);
    for (let i = channel; i < from.length; i += channels) histogram[from[i]!]!++;
    const tone = toneOf(histogram);
    if (tone === undefined) continue;
    const table = Uint8Array.from(histogram, (_, value) => tone(value));
    for (let i = channel; i < from.length; i += channels) pixels[i] = table[from[i]!]!;
  }
  return { height, width, channels, pixels };
}

function clamp(value: number): number {
  return Math.max(0, Math.min(255, value));
}
