/** `[rows, columns]` of a grid of patches, or of its position embedding. */
export type GridShape = readonly [rows: number, columns: number];

/** How an image is cut into patches: token `row * columns + column` is the patch at that place. */
export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
  /** `[rows, columns]`, as masking and position embeddings take it. */
  readonly shape: GridShape;
  /** rows * columns */
  readonly tokens: number;
  /** [height, width] of a patch in pixels. */
  readonly patchSize: readonly [number, number];
}

/**
 * The grid of non-overlapping patches of an image (He et al. 2021, section 3, "Masking").
 * @param height in pixels
 * @param width in pixels
 * @param patchSize in pixels: one number for square patches, or [height, width]
 * @throws when a size is not a positive whole number, or the image is not a whole number of patches; the
 * message names the nearest sizes that fit.
 */
export function patchGrid(
  height: number,
  width: number,
  patchSize: number | readonly [number, number],
): PatchGrid {
  const [patchHeight, patchWidth] = typeof patchSize === 'number' ? [patchSize, patchSize] : patchSize;
  const sizes = {
    'image height': height,
    'image width': width,
    'patch height': patchHeight,
    'patch width': patchWidth,
  };
  for (const [name, size] of Object.entries(sizes))
    if (!Number.isInteger(size) || size < 1)
      throw new Error(`${name} must be a positive whole number of pixels, got ${size}`);
  if (height % patchHeight !== 0 || width % patchWidth !== 0)
    throw new Error(
      `image ${height}x${width} (height x width) does not divide into patches of ${patchHeight}x${patchWidth}; ` +
        `use a height of ${multiplesAround(height, patchHeight)} and a width of ${multiplesAround(width, patchWidth)}`,
    );
  const rows = height / patchHeight;
  const columns = width / patchWidth;
  return {
    rows,
    columns,
    shape: [rows, columns],
    tokens: rows * columns,
    patchSize: [patchHeight, patchWidth],
  };
}

/** @throws when rows or columns are not positive whole numbers. */
export function assertGridShape([rows, columns]: GridShape): void {
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || rows < 1 || columns < 1)
    throw new Error(`a patch grid has positive whole rows and columns, got ${rows}x${columns}`);
}

/** The size itself where it fits, else the nearest that do: '28', '28 or 32', '4'. */
function multiplesAround(size: number, patch: number): string {
  const below = Math.floor(size / patch) * patch;
  if (below === size) return `${size}`;
  return below === 0 ? `${patch}` : `${below} or ${below + patch}`;
}
