import { describe, expect, it } from 'vitest';
import { pcaColours } from './pca-colours.js';

describe('pcaColours', () => {
  it('finds the axes of a known cloud, largest variance first', () => {
    // Along (0.6, 0.8) by ±3, along (-0.8, 0.6) by ±1: variances 9 and 1.
    const points = [3, -3].flatMap((a) => [1, -1].flatMap((b) => [0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b, 5]));
    const { colours, explained } = pcaColours(Float32Array.from(points), 3);
    expect(explained[0]).toBeCloseTo(0.9, 5);
    expect(explained[1]).toBeCloseTo(0.1, 5);
    expect(explained[2]).toBeCloseTo(0, 5);
    expect([...colours].filter((_, i) => i % 3 === 0)).toEqual([255, 255, 0, 0]);
  });

  it('gives like features like colours, and grey where there is nothing to tell', () => {
    const same = pcaColours(new Float32Array(12).fill(2), 4);
    expect([...same.colours]).toEqual(Array.from({ length: 9 }, () => 128));
    expect(same.explained).toEqual([0, 0, 0]);
  });

  it('refuses half a row', () => {
    expect(() => pcaColours(new Float32Array(5), 2)).toThrow('5 values are not two or more features of 2');
  });
});
