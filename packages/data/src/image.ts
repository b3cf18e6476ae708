/** A decoded image. `pixels` is [height, width, channel], row-major, 0 … 255; channel is 1 (gray) or 3 (RGB). */
export interface Image {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly pixels: Uint8Array;
}

/** An image of a data set, with the name that messages use and, where known, its class. */
export interface Sample extends Image {
  /** The file, or the position in one. */
  readonly name: string;
  /** Index into the data set's `classes`. */
  readonly label?: number;
}

/** An image as a model takes it. `values` is [height, width, channel], row-major, usually normalised. */
export interface FloatImage {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly values: Float32Array;
}

/** Height and width in pixels: one number for a square. */
export type ImageSize = number | readonly [height: number, width: number];

/** @throws when a side is not a positive whole number. */
export function heightAndWidth(size: ImageSize): readonly [height: number, width: number] {
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  if (!isLength(height) || !isLength(width))
    throw new Error(
      `an image size is positive whole numbers of pixels, got ${height}x${width} (height x width)`,
    );
  return [height, width];
}

/** '120x90x3': height, width, channels. */
export function shapeName({ height, width, channels }: Omit<Image, 'pixels'>): string {
  return `${height}x${width}x${channels}`;
}

function isLength(value: number): boolean {
  return Number.isInteger(value) && value > 0;
}
