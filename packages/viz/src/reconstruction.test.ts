import { describe, expect, it } from 'vitest';
import { type Reconstruction, reconstructionMosaic, reconstructionStages } from './index.js';

/** Two grey 4x4 images, patches of 2: pixel values 0, 1, 2, … / 255, and the same plus 100. */
const images = Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? i : 100 + i - 16) / 255);
const patchOrder = [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15];
const truePatches = [...patchOrder.map((i) => images[i]!), ...patchOrder.map((i) => images[16 + i]!)];
const base: Reconstruction = {
  images,
  prediction: Float32Array.from(truePatches),
  mask: Float32Array.of(1, 0, 0, 1, 0, 0, 0, 0),
  height: 4,
  width: 4,
  channels: 1,
  patchSize: 2,
  normPix: false,
};
const reds = ({ data }: { data: Uint8ClampedArray }) => [...data].filter((_, index) => index % 4 === 0);

describe('reconstructionStages', () => {
  it('puts patches back where they came from', () => {
    const [first, second] = reconstructionStages(base);
    expect(reds(first!.reconstruction)).toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(reds(second!.reconstruction)).toEqual(reds(second!.original));
    expect(reds(first!.masked)).toEqual([128, 128, 2, 3, 128, 128, 6, 7, 8, 9, 128, 128, 12, 13, 128, 128]);
    expect(second!.masked).toEqual(second!.original);
  });

  it('pastes the visible patches over the prediction', () => {
    const [first] = reconstructionStages({ ...base, prediction: new Float32Array(32).fill(1) });
    expect(reds(first!.reconstruction)).toEqual(new Array(16).fill(255));
    expect(reds(first!.pasted)).toEqual([255, 255, 2, 3, 255, 255, 6, 7, 8, 9, 255, 255, 12, 13, 255, 255]);
  });

  it('undoes norm-pix: the normalised originals give the originals', () => {
    const prediction = Float32Array.from(truePatches, (value, index) => {
      const patch = truePatches.slice(index - (index % 4), index - (index % 4) + 4);
      const mean = patch.reduce((a, b) => a + b) / 4;
      const variance = patch.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 3;
      return (value - mean) / Math.sqrt(variance + 1e-6);
    });
    for (const stages of reconstructionStages({ ...base, prediction, normPix: true }))
      expect(stages.reconstruction).toEqual(stages.original);
  });

  it('keeps the order row, column, channel', () => {
    const colour = Float32Array.from({ length: 2 * 4 * 3 }, (_, i) => i / 255);
    const order = [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23];
    const [only] = reconstructionStages({
      ...base,
      images: colour,
      prediction: Float32Array.from(order, (i) => i / 255),
      mask: Uint8Array.of(0, 1),
      height: 2,
      channels: 3,
    });
    expect(only!.reconstruction).toEqual(only!.original);
  });

  it('cuts patches that are not square: [height, width]', () => {
    const [first] = reconstructionStages({
      ...base,
      images: images.subarray(0, 16),
      // Patches of 1x2: row by row, so that patch order is pixel order.
      prediction: images.subarray(0, 16),
      mask: Uint8Array.of(1, 0, 0, 1, 0, 0, 0, 0),
      patchSize: [1, 2],
    });
    expect(first!.reconstruction).toEqual(first!.original);
    expect(reds(first!.masked)).toEqual([128, 128, 2, 3, 4, 5, 128, 128, 8, 9, 10, 11, 12, 13, 14, 15]);
    const [tall] = reconstructionStages({
      ...base,
      images: images.subarray(0, 16),
      prediction: Float32Array.from([0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15], (i) => i / 255),
      mask: Uint8Array.of(0, 0, 1, 0),
      patchSize: [4, 1],
    });
    expect(tall!.reconstruction).toEqual(tall!.original);
    expect(reds(tall!.masked)).toEqual([0, 1, 128, 3, 4, 5, 128, 7, 8, 9, 128, 11, 12, 13, 128, 15]);
    expect(() => reconstructionStages({ ...base, patchSize: [2, 3] })).toThrow(
      'patches of 2x3 do not divide',
    );
  });

  it('names the sizes that do not fit', () => {
    expect(() => reconstructionStages({ ...base, patchSize: 3 })).toThrow(
      'patches of 3x3 do not divide an image of 4x4',
    );
    expect(() => reconstructionStages({ ...base, images: new Float32Array(17) })).toThrow(
      'images of 16 values',
    );
    expect(() => reconstructionStages({ ...base, prediction: new Float32Array(31) })).toThrow(
      '32 predicted values',
    );
    expect(() => reconstructionStages({ ...base, mask: new Uint8Array(7) })).toThrow(
      '[2, 4] expected, got 7',
    );
  });

  it('makes a mosaic of four columns and a row per image', () => {
    const out = reconstructionMosaic(base, { labels: [], gap: 2 });
    expect([out.width, out.height]).toEqual([2 + 4 * 98, 2 + 2 * 98]);
  });
});
