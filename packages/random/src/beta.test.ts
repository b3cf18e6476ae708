import { expect, it } from 'vitest';
import { beta, fold, seed } from './index.js';

const COUNT = 4000;
const draws = (a: number, b: number): number[] =>
  Array.from({ length: COUNT }, (_, i) => beta(fold(seed(3), i), a, b));

it.each([
  [0.8, 0.8],
  [1, 1],
  [2, 5],
  [0.2, 0.2],
])('has the mean and variance of Beta(%d, %d)', (a, b) => {
  const values = draws(a, b);
  const mean = values.reduce((sum, x) => sum + x, 0) / COUNT;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / COUNT;
  const wanted = (a * b) / ((a + b) ** 2 * (a + b + 1));
  // Five deviations of the mean of 4,000 draws.
  expect(Math.abs(mean - a / (a + b))).toBeLessThan(5 * Math.sqrt(wanted / COUNT));
  expect(variance / wanted).toBeGreaterThan(0.9);
  expect(variance / wanted).toBeLessThan(1.1);
  expect(values.every((x) => x >= 0 && x <= 1)).toBe(true);
});

it('is uniform for shapes of 1: a tenth of the draws in each tenth', () => {
  const counts = new Array<number>(10).fill(0);
  for (const x of draws(1, 1)) counts[Math.min(9, Math.floor(x * 10))]!++;
  for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(5 * Math.sqrt(360));
});

it('is a function of the key, in float32', () => {
  const x = beta(seed(1), 0.8, 0.8);
  expect(beta(seed(1), 0.8, 0.8)).toBe(x);
  expect(Math.fround(x)).toBe(x);
  expect(beta(seed(2), 0.8, 0.8)).not.toBe(x);
});

it('takes tiny shapes, and refuses none at all', () => {
  const ends = Array.from({ length: 50 }, (_, i) => beta(fold(seed(5), i), 1e-4, 1e-4));
  expect(ends.every((x) => x < 0.01 || x > 0.99)).toBe(true);
  for (const shape of [0, -1, Number.NaN])
    expect(() => beta(seed(1), shape, 1)).toThrow(`must be a positive number, got ${shape}`);
});
