/** An 8-bit picture: rows from the top, four bytes (red, green, blue, alpha) a pixel. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A picture of one opaque colour. */
export function filled(width: number, height: number, [red, green, blue]: Rgb): RgbaImage {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < data.length; at += 4) data.set([red, green, blue, 255], at);
  return { width, height, data };
}

/** Copy `source` onto `target` with its top left corner at (x, y); it must lie inside. */
export function paste(target: RgbaImage, source: RgbaImage, x: number, y: number): void {
  for (let row = 0; row < source.height; row++) {
    const line = source.data.subarray(row * source.width * 4, (row + 1) * source.width * 4);
    target.data.set(line, ((y + row) * target.width + x) * 4);
  }
}

/** Enlarge by a whole factor, each pixel to a square: small images stay sharp. */
export function enlarge(image: RgbaImage, factor: number): RgbaImage {
  if (!Number.isInteger(factor) || factor < 1)
    throw new Error(`an image is enlarged by a whole factor from 1 up, got ${factor}`);
  const { width, height } = image;
  const source = new Uint32Array(image.data.buffer, image.data.byteOffset, width * height);
  const out = new Uint32Array(width * height * factor * factor);
  const outWidth = width * factor;
  for (let at = 0; at < out.length; at++) {
    const x = Math.floor((at % outWidth) / factor);
    const y = Math.floor(at / outWidth / factor);
    out[at] = source[y * width + x]!;
  }
  return { width: outWidth, height: height * factor, data: new Uint8ClampedArray(out.buffer) };
}
