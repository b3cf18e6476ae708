import { fold, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import { maskingFromNoise, randomMasking } from './index.js';

const key = fold(seed(3), 'mask');

describe('maskingFromNoise', () => {
  it('keeps the lowest noise, in its order', () => {
    const noise = Float32Array.of(0.4, 0.1, 0.9, 0.3, 0.2, 0.8, 0.6, 0.7);
    const plan = maskingFromNoise(noise, { batch: 2, tokens: 4, ratio: 0.5 });
    expect([...plan.idsKeep]).toEqual([1, 3, 0, 2]);
    expect([...plan.idsRestore]).toEqual([2, 0, 3, 1, 0, 3, 1, 2]);
    expect([...plan.mask]).toEqual([1, 0, 1, 0, 0, 1, 0, 1]);
  });

  it('breaks ties by place', () => {
    const plan = maskingFromNoise(new Float32Array(4), { batch: 1, tokens: 4, ratio: 0.5 });
    expect([...plan.idsRestore]).toEqual([0, 1, 2, 3]);
  });

  it('refuses noise that has no order or another size', () => {
    const options = { batch: 1, tokens: 4, ratio: 0.5 };
    expect(() => maskingFromNoise(Float32Array.of(0, Number.NaN, 0, 0), options)).toThrow('NaN');
    expect(() => maskingFromNoise(new Float32Array(3), options)).toThrow('3 entries, expected 1 x 4');
  });
});

describe('randomMasking', () => {
  it('keeps as many tokens in every sample, each of them once', () => {
    const { batch, tokens, keep, idsKeep, idsRestore, mask } = randomMasking(key, {
      batch: 8,
      tokens: 196,
      ratio: 0.75,
    });
    expect([batch, tokens, keep]).toEqual([8, 196, 49]);
    for (let sample = 0; sample < batch; sample++) {
      const restore = idsRestore.subarray(sample * tokens, (sample + 1) * tokens);
      expect([...restore].sort((a, b) => a - b)).toEqual(Array.from({ length: tokens }, (_, place) => place));
      const kept = [...idsKeep.subarray(sample * keep, (sample + 1) * keep)];
      expect(kept.map((token) => restore[token])).toEqual(kept.map((_, place) => place));
      const removed = mask.subarray(sample * tokens, (sample + 1) * tokens).reduce((sum, x) => sum + x);
      expect(removed).toBe(147);
    }
  });

  it('is a function of the key and of the sample alone', () => {
    const one = randomMasking(key, { batch: 1, tokens: 16, ratio: 0.75 });
    const two = randomMasking(key, { batch: 2, tokens: 16, ratio: 0.75 });
    expect(two.idsRestore.subarray(0, 16)).toEqual(one.idsRestore);
    expect(two.idsRestore.subarray(16)).not.toEqual(one.idsRestore);
    expect([...one.idsKeep]).toEqual(PINNED);
  });

  it('shows every token as often as any other', () => {
    const { mask } = randomMasking(key, { batch: 4000, tokens: 16, ratio: 0.75 });
    const removed = new Float64Array(16);
    for (const [i, value] of mask.entries()) removed[i % 16]! += value / 4000;
    // The deviation of a mean of 4000 draws is 0.007.
    for (const share of removed) expect(Math.abs(share - 0.75)).toBeLessThan(0.03);
  });
});

/** The first plan of seed 3: another figure would mean that old runs can't be repeated. */
const PINNED = [6, 8, 12, 5];
