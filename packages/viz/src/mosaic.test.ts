import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { drawText, textWidth } from './bitmap-font.js';
import { encodePng, enlarge, filled, mosaic, type RgbaImage, toRgba } from './index.js';

const pixel = ({ data, width }: RgbaImage, x: number, y: number) => [
  ...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4),
];
const red = [255, 0, 0, 255];
const white = [255, 255, 255, 255];

describe('toRgba', () => {
  it('undoes the normalisation and clamps', () => {
    const values = Float32Array.of(0, 0, 0, 1, -1, 9, -9, Number.NaN, 0.5);
    const image = toRgba(values, {
      height: 1,
      width: 3,
      channels: 3,
      mean: [0.5, 0.4, 0.2],
      std: [0.2, 0.2, 0.4],
    });
    expect([...image.data]).toEqual([128, 102, 51, 255, 178, 51, 255, 255, 0, 0, 102, 255]);
  });

  it('shows one channel as grey', () => {
    expect([...toRgba(Float32Array.of(0.2), { height: 1, width: 1, channels: 1 }).data]).toEqual([
      51, 51, 51, 255,
    ]);
  });

  it('refuses what is no image', () => {
    expect(() => toRgba(new Float32Array(5), { height: 1, width: 2, channels: 3 })).toThrow(
      '6 values, got 5',
    );
    expect(() => toRgba(new Float32Array(2), { height: 1, width: 1, channels: 2 })).toThrow(
      '1 or 3 channels, got 2',
    );
  });
});

describe('mosaic', () => {
  it('enlarges by repeating pixels', () => {
    const image = { width: 2, height: 1, data: Uint8ClampedArray.of(...red, ...white) };
    const big = enlarge(image, 3);
    expect([big.width, big.height]).toEqual([6, 3]);
    expect([pixel(big, 2, 2), pixel(big, 3, 0)]).toEqual([red, white]);
    expect(() => enlarge(image, 1.5)).toThrow('whole factor from 1 up, got 1.5');
  });

  it('sets rows and columns with gaps', () => {
    const dot = filled(2, 2, [255, 0, 0]);
    const out = mosaic([[dot, dot], [dot]], { scale: 2, gap: 3 });
    expect([out.width, out.height]).toEqual([3 + 4 + 3 + 4 + 3, 3 + 4 + 3 + 4 + 3]);
    expect([pixel(out, 3, 3), pixel(out, 6, 6), pixel(out, 10, 3), pixel(out, 3, 10)]).toEqual([
      red,
      red,
      red,
      red,
    ]);
    expect([pixel(out, 2, 3), pixel(out, 7, 3), pixel(out, 10, 10)]).toEqual([white, white, white]);
    expect(() => mosaic([[]])).toThrow('at least one image');
  });

  it('widens a column for its label, and keeps the image in the middle', () => {
    const out = mosaic([[filled(1, 1, [255, 0, 0])]], { gap: 1, labels: ['abc'] });
    expect([out.width, out.height]).toEqual([1 + 17 + 1, 1 + 8 + 1 + 1 + 1]);
    expect(pixel(out, 9, 10)).toEqual(red);
  });

  it('draws letters of 5x7 dots', () => {
    const image = filled(11, 8, [0, 0, 0]);
    drawText(image, 'T1', 0, 0, [255, 255, 255], 1);
    const rows = Array.from({ length: 7 }, (_, y) =>
      Array.from({ length: 11 }, (_, x) => (pixel(image, x, y)[0] ? '#' : '.')).join(''),
    );
    expect(rows).toEqual([
      '#####...#..',
      '#.#.#..##..',
      '..#.....#..',
      '..#.....#..',
      '..#.....#..',
      '..#.....#..',
      '..#....###.',
    ]);
    expect(textWidth('T1', 2)).toBe(22);
  });

  it('is the same after PNG', () => {
    const image = mosaic([[filled(3, 2, [1, 2, 3])]], { labels: ['x'] });
    const { width, height, data } = decode(encodePng(image));
    expect({ width, height, data: [...data] }).toEqual({ ...image, data: [...image.data] });
  });
});
