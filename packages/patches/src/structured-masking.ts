import { bits, fold, type Key, uniform } from '@maehem/random';
import { keepCount, type MaskPlan, planFromOrders } from './mask-plan.js';

/** A grid of patches for a batch, and what fraction of it to hide. */
export interface GridMaskingOptions {
  readonly batch: number;
  /** [rows, columns] of patches. */
  readonly grid: readonly [number, number];
  readonly ratio: number;
}

const MIN_BLOCK = 4;
const MIN_ASPECT = 0.3;

/**
 * Block-wise masking (Bao et al. 2021, BEiT, algorithm 1; He et al. 2021, figure 6 middle): rectangles of at
 * least 4 patches and aspect 0.3 to 1/0.3 until enough is hidden. The last block is cut short so that
 * exactly the asked number stays visible; visible tokens keep their order.
 */
export function blockMasking(key: Key, { batch, grid, ratio }: GridMaskingOptions): MaskPlan {
  const tokens = grid[0] * grid[1];
  const keep = keepCount(tokens, ratio);
  const orders = Array.from({ length: batch }, (_, sample) =>
    visibleFirst(hideBlocks(fold(key, sample), grid, tokens - keep)),
  );
  return planFromOrders(orders, keep);
}

/** [token] flags of hidden tokens, exactly `count` of them. */
function hideBlocks(key: Key, [rows, columns]: readonly [number, number], count: number): Uint8Array {
  const hidden = new Uint8Array(rows * columns);
  let left = count;
  for (let attempt = 0; left > 0; attempt++) {
    const [u, v, y, x] = uniform(fold(key, attempt), 4) as unknown as [number, number, number, number];
    const area = Math.min(left, MIN_BLOCK) + u * Math.max(0, left - MIN_BLOCK);
    const aspect = Math.exp(Math.log(MIN_ASPECT) * (1 - 2 * v));
    const height = Math.max(1, Math.min(rows, Math.round(Math.sqrt(area * aspect))));
    const width = Math.max(1, Math.min(columns, Math.round(Math.sqrt(area / aspect))));
    const top = Math.floor(y * (rows - height + 1));
    const start = Math.floor(x * (columns - width + 1));
    for (let row = top; row < top + height; row++)
      for (let column = start; column < start + width; column++) {
        const token = row * columns + column;
        if (left === 0 || hidden[token] === 1) continue;
        hidden[token] = 1;
        left--;
      }
  }
  return hidden;
}

/**
 * Grid-wise masking (He et al. 2021, figure 6 right): visible patches lie on a regular grid, one of every
 * 2 x 2 at 75 %. Other ratios thin the grid as evenly as an ordered dither does; every sample begins at its
 * own offset. Visible tokens keep their order.
 */
export function gridMasking(key: Key, { batch, grid, ratio }: GridMaskingOptions): MaskPlan {
  const tokens = grid[0] * grid[1];
  const keep = keepCount(tokens, ratio);
  const orders = Array.from({ length: batch }, (_, sample) => {
    const ranked = ditherOrder(grid, bits(fold(key, sample), 2));
    const hidden = new Uint8Array(tokens).fill(1);
    for (const token of ranked.slice(0, keep)) hidden[token] = 0;
    return visibleFirst(hidden);
  });
  return planFromOrders(orders, keep);
}

/** Tokens in the order in which a recursive 2 x 2 (Bayer) pattern fills a grid, from a random offset. */
function ditherOrder([rows, columns]: readonly [number, number], offset: Uint32Array): number[] {
  const levels = Math.ceil(Math.log2(Math.max(rows, columns, 2)));
  const size = 2 ** levels;
  // Only whole multiples of the 2 x 2 cell, or the offset would push part of a lattice over the edge.
  const top = offset[0]! % 2;
  const left = offset[1]! % 2;
  const rank = (token: number): number => {
    const y = (Math.floor(token / columns) + top) % size;
    const x = ((token % columns) + left) % size;
    return bayerRank(x, y, levels);
  };
  return Array.from({ length: rows * columns }, (_, token) => token).sort((a, b) => rank(a) - rank(b) || a - b);
}

/** Place of (x, y) in the Bayer order: the lowest bits of the coordinates count most. */
function bayerRank(x: number, y: number, levels: number): number {
  let rank = 0;
  for (let level = 0; level < levels; level++) {
    const bitX = (x >> level) & 1;
    const bitY = (y >> level) & 1;
    rank = rank * 4 + ((bitX ^ bitY) << 1) + bitY;
  }
  return rank;
}

/** Visible tokens in ascending order, then the hidden ones. */
function visibleFirst(hidden: Uint8Array): number[] {
  const tokens = Array.from(hidden.keys());
  return [...tokens.filter((token) => hidden[token] === 0), ...tokens.filter((token) => hidden[token] === 1)];
}
