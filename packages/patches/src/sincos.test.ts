import { describe, expect, it } from 'vitest';
import { sinCosPositionEmbedding } from './index.js';

describe('sinCosPositionEmbedding', () => {
  it('is sines and cosines of the column, then of the row', () => {
    const embedding = sinCosPositionEmbedding({ dim: 8, grid: [2, 3] });
    expect(embedding.length).toBe(2 * 3 * 8);
    // Token 5 lies at row 1, column 2; the frequencies are 1 and 1 / 10000^(1/2).
    const column = [Math.sin(2), Math.sin(0.02), Math.cos(2), Math.cos(0.02)];
    const row = [Math.sin(1), Math.sin(0.01), Math.cos(1), Math.cos(0.01)];
    expect(embedding.slice(40)).toEqual(Float32Array.from([...column, ...row]));
  });

  it('puts zeros in front for the class token', () => {
    const embedding = sinCosPositionEmbedding({ dim: 8, grid: [2, 3], classToken: true });
    expect(embedding.slice(0, 8)).toEqual(new Float32Array(8));
    expect(embedding.slice(8)).toEqual(sinCosPositionEmbedding({ dim: 8, grid: [2, 3] }));
  });

  it('refuses a width that does not divide into four parts, and a grid of nothing', () => {
    expect(() => sinCosPositionEmbedding({ dim: 10, grid: [2, 2] })).toThrow('multiple of 4');
    expect(() => sinCosPositionEmbedding({ dim: 0, grid: [2, 2] })).toThrow('got 0');
    expect(() => sinCosPositionEmbedding({ dim: 8, grid: [0, 2] })).toThrow('got 0x2');
  });
});
