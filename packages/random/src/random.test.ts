import { describe, expect, it } from 'vitest';
import { bits, fold, integer, normal, permutation, seed, split, threefry2x32, uniform } from './index.js';
import { inverseNormal } from './inverse-normal.js';

describe('threefry2x32', () => {
  // Known-answer vectors of the Random123 distribution (kat_vectors: threefry2x32 20).
  it.each([
    [0, 0, 0, 0, 0x6b200159, 0x99ba4efe],
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x1cb996fc, 0xbb002be7],
    [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xc4923a9c, 0x483df7a0],
  ])('key %#: the published words', (k0, k1, c0, c1, x0, x1) => {
    expect(threefry2x32(k0, k1, c0, c1)).toEqual([x0, x1]);
  });
});

describe('keys', () => {
  it('fold by name and by number without meeting', () => {
    const root = seed(7);
    const keys = [
      fold(root, 'encoder'),
      fold(root, 'decoder'),
      fold(root, 0),
      fold(root, 1),
      fold(root, '0'),
    ];
    expect(new Set(keys.map((key) => `${key.k0},${key.k1}`)).size).toBe(5);
    expect(fold(root, 'encoder')).toEqual(keys[0]);
    expect(split(root, 2)).toEqual([keys[2], keys[3]]);
  });

  it('refuses a seed that is not a whole number', () => {
    expect(() => seed(1.5)).toThrow('got 1.5');
    expect(() => seed(-1)).toThrow('got -1');
    expect(() => fold(seed(0), -1)).toThrow('got -1');
  });

  it('keeps all 53 bits of a seed', () => {
    expect(seed(2 ** 32)).not.toEqual(seed(0));
  });
});

describe('draws', () => {
  const key = fold(seed(1), 'test');

  it('are a function of the key alone', () => {
    expect([...bits(seed(0), 2)]).toEqual([0x6b200159, 0x99ba4efe]);
    expect(bits(key, 5)).toEqual(bits(key, 8).slice(0, 5));
  });

  it('uniform stays inside its interval, with the right mean', () => {
    const x = uniform(key, 20_000, -1, 3);
    expect(Math.min(...x)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...x)).toBeLessThan(3);
    expect(x.reduce((a, b) => a + b) / x.length).toBeCloseTo(1, 1);
  });

  it('normal has mean, deviation and tails of a normal', () => {
    const x = [...normal(key, 50_000, 2, 0.5)];
    const mean = x.reduce((a, b) => a + b) / x.length;
    const std = Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length);
    expect(mean).toBeCloseTo(2, 2);
    expect(std).toBeCloseTo(0.5, 2);
    expect(x.filter((v) => Math.abs(v - 2) > 1).length / x.length).toBeCloseTo(0.0455, 2);
  });

  it('inverts the normal distribution', () => {
    expect(inverseNormal(0.5)).toBe(0);
    expect(inverseNormal(0.975)).toBeCloseTo(1.959963984540054, 14);
    expect(inverseNormal(1e-10)).toBeCloseTo(-6.361340902404056, 12);
    expect(inverseNormal(0.01)).toBeCloseTo(-2.3263478740408408, 14);
    // A 32-bit word reaches at most this far.
    expect(inverseNormal(0.5 / 2 ** 32)).toBeCloseTo(-6.338, 2);
  });

  it('permutation is one, and every place is reached', () => {
    expect([...permutation(key, 100)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    const first = new Set(Array.from({ length: 200 }, (_, i) => permutation(fold(key, i), 5)[0]));
    expect(first.size).toBe(5);
  });

  it('integer is below its bound', () => {
    const draws = Array.from({ length: 300 }, (_, i) => integer(fold(key, i), 3));
    expect(new Set(draws)).toEqual(new Set([0, 1, 2]));
  });

  it('is pinned: the first numbers of seed 0', () => {
    expect([...uniform(seed(0), 2)]).toEqual([0x6b2001 / 2 ** 24, 0x99ba4e / 2 ** 24]);
  });
});
