import type { RgbaImage } from './rgba-image.js';

const RESET = '\u001b[0m';

/**
 * An image for a terminal with 24-bit colour: each character shows two pixels, one above the other.
 * @param columns characters across; a wider image is reduced by averaging, a narrower one left as it is.
 * @returns lines ended by resets, joined by newlines.
 */
export function terminalImage(image: RgbaImage, columns: number): string {
  const { width, height, data } = reduced(image, columns);
  const colour = (x: number, y: number) =>
    data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3).join(';');
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2) {
    let text = '';
    for (let x = 0; x < width; x++) {
      const lower = y + 1 < height ? `\u001b[48;2;${colour(x, y + 1)}m` : '\u001b[49m';
      text += `\u001b[38;2;${colour(x, y)}m${lower}▀`;
    }
    lines.push(text + RESET);
  }
  return lines.join('\n');
}

/** Reduce an image to at most `columns` pixels across, each the mean of those that it covers. */
function reduced(image: RgbaImage, columns: number): RgbaImage {
  if (!Number.isInteger(columns) || columns < 1)
    throw new Error(`an image takes a whole number of columns from 1 up, got ${columns}`);
  if (image.width <= columns) return image;
  const width = columns;
  const height = Math.max(1, Math.round((image.height * columns) / image.width));
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 4; channel++)
        data[(y * width + x) * 4 + channel] = boxMean(
          image,
          x / width,
          y / height,
          1 / width,
          1 / height,
          channel,
        );
  return { width, height, data };
}

/** Mean of one channel over a box, given as fractions of the image's sides. */
function boxMean(image: RgbaImage, x: number, y: number, w: number, h: number, channel: number): number {
  const [left, top] = [Math.floor(x * image.width), Math.floor(y * image.height)];
  const right = Math.max(left + 1, Math.floor((x + w) * image.width));
  const bottom = Math.max(top + 1, Math.floor((y + h) * image.height));
  let sum = 0;
  for (let row = top; row < bottom; row++)
    for (let column = left; column < right; column++)
      sum += image.data[(row * image.width + column) * 4 + channel]!;
  return sum / ((right - left) * (bottom - top));
}

const BARS = '▁▂▃▄▅▆▇█';

/**
 * The last values as a line of bars, lowest to highest.
 * @param width characters at most; longer lists are averaged into that many. Values that aren't finite show as spaces.
 */
export function sparkline(values: readonly number[], width: number): string {
  const means = binned(values, width);
  const [low, high] = range(means);
  return means
    .map((mean) =>
      Number.isFinite(mean) ? BARS[Math.round(share(mean, low, high) * (BARS.length - 1))] : ' ',
    )
    .join('');
}

/** The braille character without dots; the code of another adds its dots' bits. */
const BRAILLE = 0x2800;

/** The dot at (column, row) of a braille character, 2 wide and 4 high. */
const BRAILLE_DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/**
 * A curve in braille dots with its highest and lowest value at the left.
 * @param size characters across, the axis included, and lines.
 * @returns lines joined by newlines; empty when no value is finite.
 */
export function terminalCurve(
  values: readonly number[],
  { width, height }: { readonly width: number; readonly height: number },
): string {
  const [low, high] = range(binned(values, width * 2));
  if (!Number.isFinite(low)) return '';
  const labels = [axisLabel(high), axisLabel(low)] as const;
  const margin = Math.max(labels[0].length, labels[1].length);
  const across = Math.max(1, width - margin - 2);
  const cells = new Uint8Array(across * height);
  let before: number | undefined;
  for (const [x, value] of resampled(values, across * 2).entries()) {
    if (!Number.isFinite(value)) {
      before = undefined;
      continue;
    }
    const y = Math.round((1 - share(value, low, high)) * (height * 4 - 1));
    // Steep stretches are filled from the dot before, so that the curve hangs together.
    const from = before === undefined ? y : before + Math.sign(y - before);
    for (let dot = Math.min(from, y); dot <= Math.max(from, y); dot++)
      cells[Math.floor(dot / 4) * across + Math.floor(x / 2)]! |= BRAILLE_DOTS[x % 2]![dot % 4]!;
    before = y;
  }
  return Array.from({ length: height }, (_, row) => {
    const label = row === 0 ? labels[0] : row === height - 1 ? labels[1] : '';
    const line = cells.subarray(row * across, (row + 1) * across);
    return `${label.padStart(margin)} │${Array.from(line, (dots) => String.fromCharCode(BRAILLE + dots)).join('')}`;
  }).join('\n');
}

function axisLabel(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

/** The finite values' extent; NaN twice when there is none. */
function range(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [Number.NaN, Number.NaN];
  return finite.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}

/** Where a value lies from low (0) to high (1), kept inside. */
function share(value: number, low: number, high: number): number {
  return high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
}

/** Means of `count` equal runs of the values, or the values where there are no more. */
function binned(values: readonly number[], count: number): number[] {
  if (values.length <= count) return [...values];
  return Array.from({ length: count }, (_, bin) => {
    const part = values
      .slice(Math.floor((bin * values.length) / count), Math.floor(((bin + 1) * values.length) / count))
      .filter(Number.isFinite);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

/** The values spread over `count` places: means where there are more, straight lines between where there are fewer. */
function resampled(values: readonly number[], count: number): number[] {
  if (values.length >= count) return binned(values, count);
  return Array.from({ length: count }, (_, place) => {
    const at = (place * (values.length - 1)) / Math.max(1, count - 1);
    const left = values[Math.floor(at)]!;
    const right = values[Math.ceil(at)]!;
    return left + (right - left) * (at - Math.floor(at));
  });
}
