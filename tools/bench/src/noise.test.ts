import { normal, seed } from '@maehem/random';
import { expect, it } from 'vitest';
import { noise } from './noise.js';

it('is drawn as far as it is short, and repeats where it is long', () => {
  expect(noise(seed(1), 1000, 2, 0.5)).toEqual(normal(seed(1), 1000, 2, 0.5));
  const long = noise(seed(1), 600_000);
  const [first, second] = [long.subarray(0, 262_139), long.subarray(262_139, 2 * 262_139)];
  expect(long.length).toBe(600_000);
  expect(second).toEqual(first);
  expect(long[599_999]).toBe(first[599_999 % 262_139]);
});
