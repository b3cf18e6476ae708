import { normal, seed } from '@maehem/random';
import { expectClose } from '@maehem/testing';
import { describe, expect, it } from 'vitest';
import { interpolatePositionEmbedding } from './index.js';

describe('interpolatePositionEmbedding', () => {
  it('changes nothing on the same grid', () => {
    const embedding = normal(seed(0), (1 + 3 * 5) * 4);
    expect(interpolatePositionEmbedding(embedding, 4, [3, 5], [3, 5])).toEqual(embedding);
  });

  it('weighs four neighbours a quarter off centre, edges repeated', async () => {
    // Twice as many columns: the places lie at -0.25, 0.25, 0.75, … of the source. Keys's weights of
    // a = -0.75 a quarter off are -0.10546875, 0.87890625, 0.26171875, -0.03515625.
    const wide = interpolatePositionEmbedding(Float32Array.of(0, 0, 1, 0, 0), 1, [1, 5], [1, 10]);
    await expectClose(
      wide,
      [
        0, -0.03515625, -0.10546875, 0.26171875, 0.87890625, 0.87890625, 0.26171875, -0.10546875, -0.03515625,
        0,
      ],
      1e-7,
    );
    const edge = interpolatePositionEmbedding(Float32Array.of(1, 0, 0, 0), 1, [1, 4], [1, 8]);
    await expectClose(edge.slice(0, 4), [1.10546875, 0.7734375, 0.2265625, -0.10546875], 1e-7);
  });

  it('takes rows and columns apart, and keeps a constant constant', async () => {
    const rows = Float32Array.from({ length: 2 * 3 }, (_, token) => Math.floor(token / 3));
    const tall = interpolatePositionEmbedding(rows, 1, [2, 3], [4, 6]);
    for (let row = 0; row < 4; row++)
      expect(new Set(tall.slice(row * 6, (row + 1) * 6).map((x) => Math.round(x * 1e6))).size).toBe(1);
    const ones = interpolatePositionEmbedding(new Float32Array(6).fill(1), 1, [2, 3], [5, 4]);
    await expectClose(ones, new Float32Array(20).fill(1), 1e-6);
  });

  it('leaves the class token alone', () => {
    const embedding = normal(seed(1), (1 + 4) * 2);
    const out = interpolatePositionEmbedding(embedding, 2, [2, 2], [3, 1]);
    expect(out.length).toBe(4 * 2);
    expect(out.slice(0, 2)).toEqual(embedding.slice(0, 2));
  });

  it('refuses an embedding of another grid', () => {
    const embedding = new Float32Array(17 * 8);
    expect(() => interpolatePositionEmbedding(embedding, 8, [3, 5], [2, 2])).toThrow(
      '136 values is not 3x5 tokens of width 8',
    );
    expect(() => interpolatePositionEmbedding(embedding, 8, [4, 5], [2, 2])).toThrow('is not 4x5');
    expect(() => interpolatePositionEmbedding(embedding, 8, [4, 4], [0, 2])).toThrow('got 0x2');
  });
});
