import { fold, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import {
  flipHorizontally,
  type Image,
  randomFlip,
  randomResizedCrop,
  randomResizedCropBox,
} from './index.js';

const key = seed(3);
const sizes = { height: 60, width: 80 };

describe('randomResizedCropBox', () => {
  const boxes = Array.from({ length: 2000 }, (_, i) => randomResizedCropBox(sizes, fold(key, i)));

  it('stays inside, with areas and ratios in range', () => {
    for (const { left, top, width, height } of boxes) {
      expect(left >= 0 && top >= 0 && left + width <= 80 && top + height <= 60).toBe(true);
      // A rounded side is off by half a pixel at most.
      expect((width * height) / 4800).toBeGreaterThan(0.19);
      expect((width + 0.5) / (height - 0.5)).toBeGreaterThan(3 / 4);
      expect((width - 0.5) / (height + 0.5)).toBeLessThan(4 / 3);
    }
  });

  it('has the mean area that redrawing boxes that do not fit leaves', () => {
    // With m = ratio / (4 / 3), log-uniform in [9/16, 1], a box of area a fits an 80x60 image when a <= m:
    // E a = ((1 - m0^2) / 4 - 0.02 ln(1 / m0)) / (1 - m0 - 0.2 ln(1 / m0)) = 0.494, plus what rounding lets in.
    const mean = boxes.reduce((sum, { width, height }) => sum + width * height, 0) / boxes.length / 4800;
    expect(Math.abs(mean - 0.494)).toBeLessThan(0.015);
  });

  it('is a function of its key', () => {
    expect(randomResizedCropBox(sizes, fold(key, 5))).toEqual(boxes[5]);
    expect(new Set(boxes.map((box) => JSON.stringify(box))).size).toBeGreaterThan(1900);
  });

  it('falls back to the central box of the nearest ratio', () => {
    expect(randomResizedCropBox({ height: 10, width: 100 }, key, { scale: [1, 1] })).toEqual({
      left: 43,
      top: 0,
      width: 13,
      height: 10,
    });
    expect(randomResizedCropBox({ height: 100, width: 9 }, key, { scale: [1, 1] })).toEqual({
      left: 0,
      top: 44,
      width: 9,
      height: 12,
    });
  });
});

describe('random augmentation', () => {
  const image: Image = { height: 1, width: 3, channels: 1, pixels: Uint8Array.of(1, 2, 3) };

  it('crops to the size asked for', () => {
    const { height, width } = randomResizedCrop(image, [4, 5], key, { scale: [0.2, 0.5] });
    expect([height, width]).toEqual([4, 5]);
  });

  it('flips one image in two', () => {
    expect([...flipHorizontally(image).pixels]).toEqual([3, 2, 1]);
    const flipped = Array.from({ length: 1000 }, (_, i) => randomFlip(image, fold(key, i)).pixels[0] === 3);
    expect(flipped.filter(Boolean).length / 1000).toBeCloseTo(0.5, 1);
  });

  it('flips pixels, not channels', () => {
    const rgb: Image = { height: 1, width: 2, channels: 3, pixels: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect([...flipHorizontally(rgb).pixels]).toEqual([4, 5, 6, 1, 2, 3]);
  });
});
