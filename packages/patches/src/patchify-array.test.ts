import { normal, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import { patchifyArray, unpatchifyArray } from './index.js';

describe('patchifyArray', () => {
  // Two 4x6 images of 2 channels whose pixel value is 1000 image + 100 row + 10 column + channel.
  const shape = [2, 4, 6, 2] as const;
  const images = Float32Array.from({ length: 2 * 4 * 6 * 2 }, (_, i) => {
    const pixel = Math.floor(i / 2);
    return 1000 * Math.floor(pixel / 24) + 100 * (Math.floor(pixel / 6) % 4) + 10 * (pixel % 6) + (i % 2);
  });

  it('orders tokens by rows and pixels by (row, column, channel)', () => {
    const patches = patchifyArray(images, shape, [2, 3]);
    expect([...patches.slice(12, 24)]).toEqual([30, 31, 40, 41, 50, 51, 130, 131, 140, 141, 150, 151]);
    expect([...patches.slice(72, 76)]).toEqual([1200, 1201, 1210, 1211]);
  });

  it('is undone by unpatchifyArray', () => {
    expect(unpatchifyArray(patchifyArray(images, shape, [2, 3]), shape, [2, 3])).toEqual(images);
    const grey = normal(seed(2), 28 * 28);
    expect(unpatchifyArray(patchifyArray(grey, [1, 28, 28, 1], 4), [1, 28, 28, 1], 4)).toEqual(grey);
  });

  it('refuses arrays and images of other sizes', () => {
    expect(() => patchifyArray(images, [1, 4, 6, 2], 2)).toThrow(
      'images of 96 values are not a batch of 1 images of 4x6x2',
    );
    expect(() => unpatchifyArray(images, [2, 4, 6, 3], 2)).toThrow('patches of 96 values');
    expect(() => patchifyArray(images, shape, 4)).toThrow('a width of 4 or 8');
  });
});
