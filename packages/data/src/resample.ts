import { heightAndWidth, type Image, type ImageSize, shapeName } from './image.js';

/** A rectangle of an image, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Weights are fixed-point numbers with this many binary places, as in Pillow's 8-bit path. */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);
const SUPPORT = 2;

/**
 * Bicubic resampling, the same to the bit as Pillow's `image.resize(size, BICUBIC, box)`: separable, antialiased (the
 * kernel widens with the reduction), a = -0.5, rounded to 8 bits between the two passes.
 * @param box the part to resample. As in Pillow, the kernel reaches pixels outside of it; crop first where it must not.
 * @throws when the box is not inside the image.
 */
export function resample(image: Image, size: ImageSize, box: Box = wholeImage(image)): Image {
  checkBox(image, box);
  const [height, width] = heightAndWidth(size);
  const down = box.height === height ? undefined : bicubicTaps(image.height, box.top, box.height, height);
  const top = down ? down.starts[0]! : box.top;
  const rows = down ? down.starts[height - 1]! + down.counts[height - 1]! - top : height;
  const strip =
    box.width === width
      ? crop(image, { left: box.left, top, width, height: rows })
      : resampleRows(image, top, rows, bicubicTaps(image.width, box.left, box.width, width));
  return down ? resampleColumns(strip, top, down) : strip;
}

/** @throws when the box is not inside the image. */
export function crop(image: Image, box: Box): Image {
  checkBox(image, box);
  const { left, top, width, height } = box;
  const { channels } = image;
  if (width === image.width && height === image.height)
    return { height, width, channels, pixels: image.pixels };
  const row = width * channels;
  const pixels = new Uint8Array(height * row);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * channels;
    pixels.set(image.pixels.subarray(start, start + row), y * row);
  }
  return { height, width, channels, pixels };
}

function wholeImage({ width, height }: Image): Box {
  return { left: 0, top: 0, width, height };
}

function resampleRows(image: Image, top: number, height: number, taps: Taps): Image {
  const { channels, pixels: from } = image;
  const { starts, counts, weights, stride } = taps;
  const width = starts.length;
  const pixels = new Uint8Array(height * width * channels);
  let out = 0;
  for (let y = 0; y < height; y++) {
    const row = (top + y) * image.width * channels;
    for (let x = 0; x < width; x++) {
      const count = counts[x]!;
      const first = row + starts[x]! * channels;
      for (let c = 0; c < channels; c++) {
        let sum = HALF;
        for (let tap = 0, place = first + c; tap < count; tap++, place += channels)
          sum = (sum + weights[x * stride + tap]! * from[place]!) | 0;
        pixels[out++] = clip(sum);
      }
    }
  }
  return { height, width, channels, pixels };
}

/** @param strip the rows from `top` on */
function resampleColumns(strip: Image, top: number, taps: Taps): Image {
  const { width, channels, pixels: from } = strip;
  const { starts, counts, weights, stride } = taps;
  const height = starts.length;
  const row = width * channels;
  const pixels = new Uint8Array(height * row);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    for (let tap = 0; tap < counts[y]!; tap++) {
      const weight = weights[y * stride + tap]!;
      const start = (starts[y]! - top + tap) * row;
      for (let i = 0; i < row; i++) sums[i]! += weight * from[start + i]!;
    }
    for (let i = 0; i < row; i++) pixels[y * row + i] = clip(sums[i]!);
  }
  return { height, width, channels, pixels };
}

/** For each output pixel: the first input pixel, how many, and their weights at `pixel * stride`. */
interface Taps {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

/** Of `extent` pixels, from `origin` on, among `from`, to `to` pixels. */
function bicubicTaps(from: number, origin: number, extent: number, to: number): Taps {
  const scale = extent / to;
  const stretch = Math.max(scale, 1);
  const support = SUPPORT * stretch;
  const stride = Math.ceil(support) * 2 + 1;
  const taps = {
    starts: new Int32Array(to),
    counts: new Int32Array(to),
    weights: new Int32Array(to * stride),
    stride,
  };
  const weights = new Float64Array(stride);
  for (let pixel = 0; pixel < to; pixel++) {
    const centre = origin + (pixel + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const count = Math.min(Math.trunc(centre + support + 0.5), from) - start;
    let total = 0;
    for (let tap = 0; tap < count; tap++) {
      weights[tap] = bicubic((tap + start - centre + 0.5) * (1 / stretch));
      total += weights[tap]!;
    }
    taps.starts[pixel] = start;
    taps.counts[pixel] = count;
    for (let tap = 0; tap < count; tap++)
      taps.weights[pixel * stride + tap] = fixedPoint(weights[tap]! / total);
  }
  return taps;
}

/** Keys 1981, "Cubic convolution interpolation for digital image processing", a = -0.5. */
function bicubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function fixedPoint(weight: number): number {
  return Math.trunc(weight * (1 << PRECISION_BITS) + (weight < 0 ? -0.5 : 0.5));
}

function clip(sum: number): number {
  return Math.min(Math.max(sum >> PRECISION_BITS, 0), 255);
}

function checkBox(image: Image, box: Box): void {
  const { left, top, width, height } = box;
  const whole = [left, top, width, height].every(Number.isInteger);
  if (whole && left >= 0 && top >= 0 && width > 0 && height > 0) {
    if (left + width <= image.width && top + height <= image.height) return;
  }
  throw new Error(
    `box left ${left}, top ${top}, ${height}x${width} (height x width) is not inside an image of ${shapeName(image)}`,
  );
}
