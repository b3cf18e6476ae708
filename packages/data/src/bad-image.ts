import type { FloatImage, Image } from './image.js';

/** One image that can't be used: corrupt, truncated, or with pixels that are no numbers. Batches may skip it. */
export class BadImageError extends Error {
  override readonly name = 'BadImageError';
  /** The file, or the sample's name. */
  readonly image: string;
  readonly reason: string;

  constructor(image: string, reason: string, options?: ErrorOptions) {
    super(`bad image ${image}: ${reason}`, options);
    this.image = image;
    this.reason = reason;
  }
}

/** @throws BadImageError when a value is NaN or infinite, naming the sample and the place. */
export function assertFinite(image: FloatImage, name: string): void {
  const { values, width, channels } = image;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // Only NaN and the infinities differ from themselves by something other than 0.
    if (value - value === 0) continue;
    const pixel = Math.floor(i / channels);
    const place = `row ${Math.floor(pixel / width)}, column ${pixel % width}, channel ${i % channels}`;
    throw new BadImageError(name, `pixel value ${value} at ${place}; pixels must be finite numbers`);
  }
}

/**
 * Float pixels as an image: 0 … 1 becomes 0 … 255, rounded to the nearest.
 * @throws BadImageError when a value is NaN, infinite or outside 0 … 1, or when the count does not fit the shape.
 */
export function imageFromFloats(image: FloatImage, name: string): Image {
  const { height, width, channels, values } = image;
  if (values.length !== height * width * channels)
    throw new BadImageError(
      name,
      `${values.length} values do not make ${height}x${width}x${channels} (height x width x channels)`,
    );
  assertFinite(image, name);
  const pixels = Uint8Array.from(values, (value) => {
    if (value < 0 || value > 1)
      throw new BadImageError(
        name,
        `pixel value ${value} is outside 0 … 1; divide 8-bit values by 255 first`,
      );
    return Math.round(value * 255);
  });
  return { height, width, channels, pixels };
}
