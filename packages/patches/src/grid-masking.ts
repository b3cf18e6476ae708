import { bits, fold, type Key } from '@maehem/random';
import { assertGridShape, type GridShape } from './grid.js';
import { type GridMaskingOptions, keepCount, type MaskPlan, planFromHidden } from './mask-plan.js';

/**
 * Grid-wise masking (He et al. 2021, figure 6 right): visible patches lie on a regular grid, one of every
 * 2 x 2 at 75 %. Other ratios fill the grid as evenly as an ordered dither does (one of every 4 x 4 at
 * 93.75 %, a checkerboard at 50 %). Every sample begins at its own offset; visible tokens keep their order.
 * @throws when the ratio leaves no patch visible.
 */
export function gridMasking(key: Key, { batch, grid, ratio }: GridMaskingOptions): MaskPlan {
  assertGridShape(grid);
  const tokens = grid[0] * grid[1];
  const keep = keepCount(tokens, ratio);
  const hidden = Array.from({ length: batch }, (_, sample) => {
    const flags = new Uint8Array(tokens).fill(1);
    for (const token of ditherOrder(grid, fold(key, sample)).slice(0, keep)) flags[token] = 0;
    return flags;
  });
  return planFromHidden(hidden, keep);
}

/** Tokens in the order in which a Bayer pattern fills the grid, from a random offset. */
function ditherOrder([rows, columns]: GridShape, key: Key): number[] {
  const levels = Math.ceil(Math.log2(Math.max(rows, columns, 2)));
  const [top, left] = bits(key, 2) as unknown as [number, number];
  // The pattern repeats every 2^levels, no less than the grid: the offset only turns it round.
  const ranks = Array.from({ length: rows * columns }, (_, token) =>
    bayerRank(top + Math.floor(token / columns), left + (token % columns), levels),
  );
  return Array.from(ranks.keys()).sort((a, b) => ranks[a]! - ranks[b]!);
}

/** Place of a cell in the Bayer order: the lowest bits of its coordinates count most. */
function bayerRank(y: number, x: number, levels: number): number {
  let rank = 0;
  for (let level = 0; level < levels; level++) {
    const bitX = (x >>> level) & 1;
    const bitY = (y >>> level) & 1;
    rank = rank * 4 + ((bitX ^ bitY) << 1) + bitY;
  }
  return rank;
}
