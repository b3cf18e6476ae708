import { describe, expect, it } from 'vitest';
import { patchGrid } from './index.js';

describe('patchGrid', () => {
  it('cuts ViT-B/16 images into 14x14 patches', () => {
    expect(patchGrid(224, 224, 16)).toEqual({
      rows: 14,
      columns: 14,
      shape: [14, 14],
      tokens: 196,
      patchSize: [16, 16],
    });
  });

  it('takes images and patches that are not square', () => {
    expect(patchGrid(32, 48, [8, 4])).toMatchObject({ rows: 4, columns: 12, tokens: 48, patchSize: [8, 4] });
  });

  it('names the nearest sizes that fit', () => {
    expect(() => patchGrid(225, 224, 16)).toThrow(
      'image 225x224 (height x width) does not divide into patches of 16x16; use a height of 224 or 240 and a width of 224',
    );
    expect(() => patchGrid(3, 10, 4)).toThrow('use a height of 4 and a width of 8 or 12');
  });

  it('refuses sizes that are no sizes', () => {
    expect(() => patchGrid(0, 32, 4)).toThrow(
      'image height must be a positive whole number of pixels, got 0',
    );
    expect(() => patchGrid(32, 32, [4, 2.5])).toThrow(
      'patch width must be a positive whole number of pixels, got 2.5',
    );
    expect(() => patchGrid(32, Number.NaN, 4)).toThrow('image width');
  });
});
