import { describe, expect, it } from 'vitest';
import { centreCrop, crop, type Image, resample, resizeShortSide } from './index.js';

function gray(height: number, width: number, pixels: readonly number[]): Image {
  return { height, width, channels: 1, pixels: Uint8Array.from(pixels) };
}

describe('resample', () => {
  it('enlarges a step as Pillow does, overshoot clipped', () => {
    // Keys' kernel at a = -0.5 by hand: the edge repeats nothing, weights are renormalised there.
    const { pixels } = resample(gray(1, 4, [0, 0, 255, 255]), [1, 8]);
    expect([...pixels]).toEqual([0, 0, 0, 52, 203, 255, 255, 255]);
  });

  it('widens its kernel to reduce: a checkerboard becomes its mean', () => {
    const board = gray(
      16,
      16,
      Array.from({ length: 256 }, (_, i) => ((i + (i >> 4)) % 2) * 255),
    );
    const { pixels } = resample(board, 4);
    for (const pixel of pixels) expect(Math.abs(pixel - 127.5)).toBeLessThanOrEqual(8);
  });

  it('leaves a flat image flat, in every channel', () => {
    const flat: Image = {
      height: 7,
      width: 5,
      channels: 3,
      pixels: new Uint8Array(105).map((_, i) => [9, 130, 255][i % 3]!),
    };
    const { height, width, channels, pixels } = resample(flat, [3, 11]);
    expect([height, width, channels]).toEqual([3, 11, 3]);
    expect(pixels.every((value, i) => value === [9, 130, 255][i % 3])).toBe(true);
  });

  it('changes nothing where the size is the same', () => {
    const image = gray(2, 3, [1, 2, 3, 4, 5, 6]);
    expect(resample(image, [2, 3])).toEqual(image);
    expect([...resample(image, [2, 2], { left: 1, top: 0, width: 2, height: 2 }).pixels]).toEqual([
      2, 3, 5, 6,
    ]);
  });

  it('refuses boxes and sizes that are none', () => {
    const image = gray(2, 3, [1, 2, 3, 4, 5, 6]);
    expect(() => resample(image, 2, { left: 2, top: 0, width: 2, height: 2 })).toThrow(
      'box left 2, top 0, 2x2 (height x width) is not inside an image of 2x3x1',
    );
    expect(() => crop(image, { left: 0, top: 0, width: 1.5, height: 2 })).toThrow('2x1.5');
    expect(() => resample(image, [0, 2])).toThrow('got 0x2');
  });
});

describe('resizeShortSide and centreCrop', () => {
  const image = gray(
    5,
    8,
    Array.from({ length: 40 }, (_, i) => i),
  );

  it('rounds the long side down', () => {
    const { height, width } = resizeShortSide(image, 4);
    expect([height, width]).toEqual([4, 6]);
  });

  it('cuts the middle; of half pixels, the even one', () => {
    expect([...centreCrop(image, [2, 2]).pixels]).toEqual([19, 20, 27, 28]);
    expect(() => centreCrop(image, 6)).toThrow("can't cut 6x6 out of an image of 5x8x1");
  });
});
