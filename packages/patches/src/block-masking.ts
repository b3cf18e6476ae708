import { fold, type Key, uniform } from '@maehem/random';
import { assertGridShape, type GridShape } from './grid.js';
import { type GridMaskingOptions, keepCount, type MaskPlan, planFromHidden } from './mask-plan.js';

/** Smallest block as a fraction of the grid: BEiT hides at least 16 patches of 14 x 14 at a time. */
const MIN_BLOCK = 16 / 196;
/** Natural logarithm of the flattest block's height over its width, 0.3; the steepest is its inverse. */
const LOG_MIN_ASPECT = -1.2039728043259361;
/** Draws for one block before BEiT gives up on it. */
const ATTEMPTS = 10;

/**
 * Block-wise masking (Bao et al. 2021, BEiT, algorithm 1; He et al. 2021, figure 6 middle): rectangles with
 * a height of 0.3 to 1 / 0.3 of their width, until no further one fits. BEiT stops there, some patches short; here
 * the blocks then grow at their edges, so that each sample keeps the same number of patches. Visible
 * tokens keep their order.
 * @throws when the ratio leaves no patch visible.
 */
export function blockMasking(key: Key, { batch, grid, ratio }: GridMaskingOptions): MaskPlan {
  assertGridShape(grid);
  const tokens = grid[0] * grid[1];
  const keep = keepCount(tokens, ratio);
  const hidden = Array.from({ length: batch }, (_, sample) =>
    hideBlocks(fold(key, sample), grid, tokens - keep),
  );
  return planFromHidden(hidden, keep);
}

/** [token] flags of hidden tokens, exactly `count` of them. */
function hideBlocks(key: Key, grid: GridShape, count: number): Uint8Array {
  const hidden = new Uint8Array(grid[0] * grid[1]);
  let left = count;
  for (let block = 0; left > 0; block++) {
    const added = hideBlock(fold(key, block), hidden, grid, left);
    if (added === 0) break;
    left -= added;
  }
  growBlocks(fold(key, 'grow'), hidden, grid, left);
  return hidden;
}

/** Hide one more rectangle that adds between 1 and `most` tokens. Returns how many; 0 when none was found. */
function hideBlock(key: Key, hidden: Uint8Array, [rows, columns]: GridShape, most: number): number {
  const least = Math.max(1, Math.round(MIN_BLOCK * rows * columns));
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const draws = uniform(fold(key, attempt), 4);
    const area = least + draws[0]! * (most - least);
    const aspect = exp(LOG_MIN_ASPECT * (1 - 2 * draws[1]!));
    const height = Math.round(Math.sqrt(area * aspect));
    const width = Math.round(Math.sqrt(area / aspect));
    if (height < 1 || width < 1 || height >= rows || width >= columns) continue;
    const top = Math.floor(draws[2]! * (rows - height + 1));
    const left = Math.floor(draws[3]! * (columns - width + 1));
    const fresh: number[] = [];
    for (let row = top; row < top + height; row++)
      for (let token = row * columns + left; token < row * columns + left + width; token++)
        if (hidden[token] === 0) fresh.push(token);
    if (fresh.length === 0 || fresh.length > most) continue;
    for (const token of fresh) hidden[token] = 1;
    return fresh.length;
  }
  return 0;
}

/** Hide `count` more tokens, each the one that the most hidden neighbours touch; chance decides between equals. */
function growBlocks(key: Key, hidden: Uint8Array, grid: GridShape, count: number): void {
  if (count === 0) return;
  const chance = uniform(key, hidden.length);
  const appeal = (token: number): number => hiddenNeighbours(hidden, grid, token) + chance[token]!;
  for (let i = 0; i < count; i++) {
    let best = -1;
    for (const token of hidden.keys())
      if (hidden[token] === 0 && (best < 0 || appeal(token) > appeal(best))) best = token;
    hidden[best] = 1;
  }
}

/** How many of the four patches beside this one are hidden. */
function hiddenNeighbours(hidden: Uint8Array, [rows, columns]: GridShape, token: number): number {
  const row = Math.floor(token / columns);
  const column = token % columns;
  return (
    (row > 0 ? hidden[token - columns]! : 0) +
    (row < rows - 1 ? hidden[token + columns]! : 0) +
    (column > 0 ? hidden[token - 1]! : 0) +
    (column < columns - 1 ? hidden[token + 1]! : 0)
  );
}

/**
 * e^x for |x| < 1.3, from sums, products and quotients alone: `Math.exp` may differ in its last digit from engine
 * to engine, and a plan must not.
 */
function exp(x: number): number {
  let sum = 1;
  for (let term = 22; term >= 1; term--) sum = 1 + (x / term) * sum;
  return sum;
}
