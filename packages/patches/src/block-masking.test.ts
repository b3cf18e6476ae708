import { fold, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import { blockMasking, type MaskPlan, randomMasking } from './index.js';

const key = fold(seed(6), 'block');

/** The share of pairs of adjacent patches that are both hidden or both visible. */
function agreement({ batch, mask }: MaskPlan, rows: number, columns: number): number {
  let pairs = 0;
  let same = 0;
  const compare = (a: number, b: number) => {
    pairs++;
    if (mask[a] === mask[b]) same++;
  };
  for (let sample = 0; sample < batch; sample++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const at = (sample * rows + row) * columns + column;
        if (column + 1 < columns) compare(at, at + 1);
        if (row + 1 < rows) compare(at, at + columns);
      }
  return same / pairs;
}

describe('blockMasking', () => {
  it('hides contiguous patches', () => {
    const blocks = blockMasking(key, { batch: 64, grid: [14, 14], ratio: 0.5 });
    const scattered = randomMasking(key, { batch: 64, tokens: 196, ratio: 0.5 });
    // By chance half of the neighbours agree.
    expect(agreement(scattered, 14, 14)).toBeCloseTo(0.5, 1);
    expect(agreement(blocks, 14, 14)).toBeGreaterThan(0.8);
  });

  it.each([
    [[14, 14], 0.75, 49],
    [[14, 14], 0.4, 117],
    [[14, 14], 0.95, 9],
    [[8, 8], 0.75, 16],
    [[7, 7], 0.75, 12],
    [[4, 12], 0.5, 24],
    [[2, 2], 0.75, 1],
    [[1, 8], 0.5, 4],
    [[4, 4], 0, 16],
  ] as const)('keeps exactly as many on a %s grid, ratio %d', (grid, ratio, keep) => {
    const plan = blockMasking(key, { batch: 20, grid, ratio });
    const tokens = grid[0] * grid[1];
    expect(plan.keep).toBe(keep);
    for (let sample = 0; sample < 20; sample++) {
      const removed = plan.mask.subarray(sample * tokens, (sample + 1) * tokens).reduce((sum, x) => sum + x);
      expect(removed).toBe(tokens - keep);
      const kept = [...plan.idsKeep.subarray(sample * keep, (sample + 1) * keep)];
      expect(kept).toEqual([...kept].sort((a, b) => a - b));
    }
  });

  it('is a function of the key and of the sample alone', () => {
    const one = blockMasking(key, { batch: 1, grid: [8, 8], ratio: 0.5 });
    const two = blockMasking(key, { batch: 2, grid: [8, 8], ratio: 0.5 });
    expect(two.mask.subarray(0, 64)).toEqual(one.mask);
    expect(two.mask.subarray(64)).not.toEqual(one.mask);
  });

  it('is pinned: the first plan of seed 6', () => {
    const { mask } = blockMasking(key, { batch: 1, grid: [6, 8], ratio: 0.5 });
    const rows = Array.from({ length: 6 }, (_, row) =>
      Array.from(mask.subarray(row * 8, row * 8 + 8), (value) => (value === 1 ? '#' : '.')).join(''),
    );
    expect(rows).toEqual(['........', '.#......', '.#...##.', '.#######', '.#######', '..######']);
  });

  it('hides every patch now and then', () => {
    const { mask } = blockMasking(key, { batch: 400, grid: [8, 8], ratio: 0.5 });
    const removed = new Float64Array(64);
    for (const [i, value] of mask.entries()) removed[i % 64]! += value / 400;
    expect(Math.min(...removed)).toBeGreaterThan(0.1);
    expect(Math.max(...removed)).toBeLessThan(0.9);
  });

  it('refuses a grid of nothing', () => {
    expect(() => blockMasking(key, { batch: 1, grid: [4, 1.5], ratio: 0.5 })).toThrow('got 4x1.5');
  });
});
