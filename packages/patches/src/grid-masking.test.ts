import { fold, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import { gridMasking, type MaskPlan } from './index.js';

const key = fold(seed(5), 'grid');

/** Rows of '.' (visible) and '#' (removed) of one sample. */
function drawing({ mask }: MaskPlan, sample: number, [rows, columns]: readonly [number, number]): string[] {
  return Array.from({ length: rows }, (_, row) => {
    const start = (sample * rows + row) * columns;
    return Array.from(mask.subarray(start, start + columns), (value) => (value === 1 ? '#' : '.')).join('');
  });
}

describe('gridMasking', () => {
  it('at 75 % keeps the same one of every 2x2 patches, wherever a sample begins', () => {
    const plan = gridMasking(key, { batch: 32, grid: [14, 14], ratio: 0.75 });
    expect(plan.keep).toBe(49);
    const places = new Set<string>();
    for (let sample = 0; sample < 32; sample++) {
      const kept = [...plan.idsKeep.subarray(sample * 49, (sample + 1) * 49)];
      const place = new Set(kept.map((token) => `${Math.floor(token / 14) % 2},${token % 2}`));
      expect(place.size).toBe(1);
      places.add([...place][0]!);
      expect(kept).toEqual([...kept].sort((a, b) => a - b));
    }
    expect(places.size).toBe(4);
  });

  it('at 50 % is a checkerboard', () => {
    const grid = [4, 6] as const;
    const board = drawing(gridMasking(key, { batch: 1, grid, ratio: 0.5 }), 0, grid);
    expect([
      ['.#.#.#', '#.#.#.', '.#.#.#', '#.#.#.'],
      ['#.#.#.', '.#.#.#', '#.#.#.', '.#.#.#'],
    ]).toContainEqual(board);
  });

  it('at 93.75 % keeps one of every 4x4, and every place has its turn', () => {
    const plan = gridMasking(key, { batch: 200, grid: [8, 8], ratio: 0.9375 });
    expect(plan.keep).toBe(4);
    const seen = new Set<number>();
    for (let sample = 0; sample < 200; sample++) {
      const [first, ...others] = plan.idsKeep.subarray(sample * 4, (sample + 1) * 4);
      expect(others.map((token) => token - first!)).toEqual([4, 32, 36]);
      seen.add(first!);
    }
    expect(seen.size).toBe(16);
  });

  it.each([
    [[7, 7], 0.75, 12],
    [[5, 9], 0.6, 18],
    [[1, 8], 0.5, 4],
    [[1, 1], 0, 1],
    [[3, 2], 0.8, 1],
  ] as const)('keeps exactly as many on a %s grid, ratio %d', (grid, ratio, keep) => {
    const plan = gridMasking(key, { batch: 5, grid, ratio });
    expect(plan.keep).toBe(keep);
    expect(plan.mask.reduce((sum, value) => sum + value)).toBe(5 * (grid[0] * grid[1] - keep));
  });

  it('refuses a grid of nothing', () => {
    expect(() => gridMasking(key, { batch: 1, grid: [0, 4], ratio: 0.5 })).toThrow('got 0x4');
  });
});
