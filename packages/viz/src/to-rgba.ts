import type { RgbaImage } from './rgba-image.js';

/** How an image's values lie, and how they were normalised: value = (pixel / 255 - mean) / std, per channel. */
export interface PixelFormat {
  readonly height: number;
  readonly width: number;
  /** 1 (grey) or 3 (red, green, blue). */
  readonly channels: number;
  /** One number per channel; 0 when absent. */
  readonly mean?: readonly number[];
  /** One number per channel; 1 when absent. */
  readonly std?: readonly number[];
}

/**
 * Undo the normalisation of an image.
 * @param values `[height, width, channel]`, normalised. Values outside the range of pixels are clamped, NaN is black.
 * @throws when the number of values or channels is wrong.
 */
export function toRgba(values: Float32Array, format: PixelFormat): RgbaImage {
  const { height, width, channels, mean, std } = format;
  if (channels !== 1 && channels !== 3) throw new Error(`an image has 1 or 3 channels, got ${channels}`);
  if (values.length !== height * width * channels)
    throw new Error(
      `an image of ${height}x${width}x${channels} has ${height * width * channels} values, got ${values.length}`,
    );
  const data = new Uint8ClampedArray(height * width * 4).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++)
    for (let colour = 0; colour < 3; colour++) {
      const channel = channels === 1 ? 0 : colour;
      const value = values[pixel * channels + channel]!;
      data[pixel * 4 + colour] = (value * (std?.[channel] ?? 1) + (mean?.[channel] ?? 0)) * 255;
    }
  return { width, height, data };
}
