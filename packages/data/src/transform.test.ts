import { fold, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import {
  assertFinite,
  BadImageError,
  evaluationTransform,
  type Image,
  imageFromFloats,
  normalisedValues,
  normaliser,
  toChannels,
  trainTransform,
} from './index.js';

const rgb: Image = { height: 1, width: 2, channels: 3, pixels: Uint8Array.of(255, 0, 0, 10, 200, 30) };

describe('toChannels', () => {
  it('weighs RGB as ITU-R 601-2', () => {
    expect([...toChannels(rgb, 1).pixels]).toEqual([76, 124]);
  });

  it('repeats gray, and leaves what fits', () => {
    const gray: Image = { height: 1, width: 2, channels: 1, pixels: Uint8Array.of(5, 6) };
    expect([...toChannels(gray, 3).pixels]).toEqual([5, 5, 5, 6, 6, 6]);
    expect(toChannels(gray, 1)).toBe(gray);
    expect(() => toChannels({ ...rgb, channels: 2 }, 3)).toThrow('neither gray');
  });
});

describe('normaliser', () => {
  it('computes in float32, per channel', () => {
    const { values } = normaliser('imagenet', 3)(rgb);
    expect(values[0]).toBeCloseTo((1 - 0.485) / 0.229, 6);
    expect(values[1]).toBeCloseTo(-0.456 / 0.224, 6);
    expect(values[5]).toBeCloseTo((30 / 255 - 0.406) / 0.225, 6);
  });

  it('repeats a single mean for every channel', () => {
    expect([...normaliser('half', 3)(rgb).values.slice(0, 3)]).toEqual([1, -1, -1]);
  });

  it('refuses what does not fit', () => {
    expect(() => normaliser('imagenet', 1)).toThrow(
      'mean has 3 entries but images have 1 channel(s); give one for each',
    );
    expect(() => normaliser({ mean: [0], std: [0] }, 1)).toThrow('std must be positive, got [0]');
    expect(() => normaliser({ mean: [Number.NaN], std: [1] }, 1)).toThrow('mean must be finite, got [NaN]');
    expect(() => normaliser('mnist', 1)(rgb)).toThrow('for 1 channel(s), the image is 1x2x3');
  });
});

describe('transforms', () => {
  const key = seed(1);
  const image: Image = {
    height: 20,
    width: 30,
    channels: 3,
    pixels: Uint8Array.from({ length: 1800 }, (_, i) => (i * 37) % 256),
  };

  it('train: one size and the channels asked for, by key alone', () => {
    const transform = trainTransform({ size: [8, 12], channels: 1, normalisation: 'half' });
    const first = transform(image, fold(key, 0));
    expect([first.height, first.width, first.channels, normalisedValues(first).length]).toEqual([
      8, 12, 1, 96,
    ]);
    expect(transform(image, fold(key, 0))).toEqual(first);
    expect(transform(image, fold(key, 1))).not.toEqual(first);
  });

  it('train without crop and flip is the image itself', () => {
    const transform = trainTransform({
      size: [20, 30],
      channels: 3,
      normalisation: 'none',
      crop: false,
      flip: false,
    });
    expect(normalisedValues(transform(image, key))[7]).toBe(Math.fround(image.pixels[7]! / 255));
  });

  it('evaluation: the middle, whatever the key', () => {
    const transform = evaluationTransform({ size: 20, channels: 3, normalisation: 'none' });
    const values = normalisedValues(transform(image, key));
    expect(values.length).toBe(1200);
    expect(values[0]).toBe(Math.fround(image.pixels[5 * 3]! / 255));
    expect(() =>
      evaluationTransform({ size: 20, channels: 3, normalisation: 'none', shortSide: 10 }),
    ).toThrow('shortSide 10 is smaller than the crop of 20x20');
  });
});

describe('float pixels', () => {
  const shape = { height: 2, width: 2, channels: 1 };

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%f is refused by name',
    (value) => {
      const image = { ...shape, values: Float32Array.of(0, 1, 0, value) };
      const message = `bad image cat.npy: pixel value ${value} at row 1, column 1, channel 0`;
      expect(() => assertFinite(image, 'cat.npy')).toThrow(message);
      expect(() => imageFromFloats(image, 'cat.npy')).toThrow(BadImageError);
    },
  );

  it('become 8-bit pixels', () => {
    expect([...imageFromFloats({ ...shape, values: Float32Array.of(0, 1, 0.5, 0.2) }, 'a').pixels]).toEqual([
      0, 255, 128, 51,
    ]);
    expect(() => imageFromFloats({ ...shape, values: Float32Array.of(0, 255, 0, 0) }, 'a')).toThrow(
      'bad image a: pixel value 255 is outside 0 … 1; divide 8-bit values by 255 first',
    );
    expect(() => imageFromFloats({ ...shape, values: new Float32Array(3) }, 'a')).toThrow(
      '3 values do not make 2x2x1',
    );
  });
});
