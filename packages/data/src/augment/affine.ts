import type { Image } from '../image.js';

/** Output to input, as Pillow's `Image.transform`: x' = a x + b y + c, y' = d x + e y + f. */
export type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * The image seen through an affine map, of the same size: Pillow's `transform(size, AFFINE, matrix, BICUBIC)`, the
 * same to the bit. Its bicubic kernel (a = -1) is not the one of its `resize`.
 * @param fill one value a channel for what comes from outside of the image
 */
export function affine(image: Image, [a, b, c, d, e, f]: AffineMatrix, fill: readonly number[]): Image {
  const { height, width, channels } = image;
  const pixels = new Uint8Array(image.pixels.length);
  for (let y = 0, out = 0; y < height; y++)
    for (let x = 0; x < width; x++, out += channels) {
      const sourceX = a * (x + 0.5) + b * (y + 0.5) + c;
      const sourceY = d * (x + 0.5) + e * (y + 0.5) + f;
      const inside = sourceX >= 0 && sourceX < width && sourceY >= 0 && sourceY < height;
      for (let channel = 0; channel < channels; channel++)
        pixels[out + channel] = inside
          ? bicubic(image, sourceX - 0.5, sourceY - 0.5, channel)
          : (fill[channel] ?? fill[0]!);
    }
  return { height, width, channels, pixels };
}

/** Counter-clockwise, about the centre: Pillow's `rotate`. */
export function rotate(image: Image, degrees: number, fill: readonly number[]): Image {
  if (degrees % 360 === 0) return image;
  const angle = (-(((degrees % 360) + 360) % 360) * Math.PI) / 180;
  // Rounded as Pillow rounds, so that engines whose sine differs in the last digit give the same pixels.
  const cos = Number(Math.cos(angle).toFixed(15));
  const sin = Number(Math.sin(angle).toFixed(15));
  const [x, y] = [image.width / 2, image.height / 2];
  return affine(image, [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y], fill);
}

function bicubic({ height, width, channels, pixels }: Image, x: number, y: number, channel: number): number {
  const left = Math.floor(x) - 1;
  const top = Math.floor(y) - 1;
  const dx = x - left - 1;
  const dy = y - top - 1;
  const row = (at: number): number => {
    const start = Math.min(Math.max(at, 0), height - 1) * width;
    const value = (column: number): number =>
      pixels[(start + Math.min(Math.max(column, 0), width - 1)) * channels + channel]!;
    return cubic(value(left), value(left + 1), value(left + 2), value(left + 3), dx);
  };
  const result = cubic(row(top), row(top + 1), row(top + 2), row(top + 3), dy);
  return Math.max(0, Math.min(255, result));
}

function cubic(v1: number, v2: number, v3: number, v4: number, d: number): number {
  const p2 = v3 - v1;
  const p3 = 2 * (v1 - v2) + v3 - v4;
  const p4 = v2 - v1 - v3 + v4;
  return v2 + d * (p2 + d * (p3 + d * p4));
}
