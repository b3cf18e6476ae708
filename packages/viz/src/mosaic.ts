import { drawText, LINE_HEIGHT, textWidth } from './bitmap-font.js';
import { enlarge, filled, paste, type Rgb, type RgbaImage } from './rgba-image.js';

const PAPER: Rgb = [255, 255, 255];
const INK: Rgb = [50, 50, 55];

/** How a mosaic is set. */
export interface MosaicOptions {
  /** Whole factor to enlarge each image by. Default 1. */
  readonly scale?: number;
  /** Pixels between images and around them. Default 4. */
  readonly gap?: number;
  /** One line of ASCII text above each column; one wider than its column widens it. */
  readonly labels?: readonly string[];
}

/**
 * Set images out in rows on a white ground. A column is as wide as its widest image, a row as high as its highest.
 * @throws when there is no image.
 */
export function mosaic(rows: readonly (readonly RgbaImage[])[], options: MosaicOptions = {}): RgbaImage {
  const { scale = 1, gap = 4, labels = [] } = options;
  const cells = rows.map((row) => row.map((image) => (scale === 1 ? image : enlarge(image, scale))));
  const columns = Math.max(0, ...cells.map((row) => row.length));
  if (columns === 0) throw new Error('a mosaic needs at least one image');
  const widest = Array.from({ length: columns }, (_, x) =>
    Math.max(...cells.map((row) => row[x]?.width ?? 0)),
  );
  const textScale = labelScale(labels, widest);
  const widths = widest.map((width, x) => Math.max(width, textWidth(labels[x] ?? '', textScale)));
  const heights = cells.map((row) => Math.max(0, ...row.map((image) => image.height)));
  const top = labels.length > 0 ? LINE_HEIGHT * textScale + gap : 0;
  const out = filled(gap + total(widths, gap), gap + top + total(heights, gap), PAPER);

  let x = gap;
  for (let column = 0; column < columns; column++) {
    const width = widths[column]!;
    const label = labels[column] ?? '';
    drawText(out, label, x + centred(width, textWidth(label, textScale)), gap, INK, textScale);
    let y = gap + top;
    for (const [row, images] of cells.entries()) {
      const image = images[column];
      if (image) paste(out, image, x + centred(width, image.width), y);
      y += heights[row]! + gap;
    }
    x += width + gap;
  }
  return out;
}

/** The largest whole scale up to 2 at which every label fits its column, but at least 1. */
function labelScale(labels: readonly string[], widths: readonly number[]): number {
  return labels.every((label, column) => textWidth(label, 2) <= (widths[column] ?? 0)) ? 2 : 1;
}

function total(sizes: readonly number[], gap: number): number {
  return sizes.reduce((sum, size) => sum + size + gap, 0);
}

function centred(room: number, size: number): number {
  return Math.floor((room - size) / 2);
}
