import { kernelModes, withKernelMode } from '@maehem/kernels';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { patchify, patchifyRgba, unpatchify } from './patchify.js';

describeOnEveryBackend('patchify', (backend) => {
  describe.each(kernelModes(backend).filter((mode) => mode !== 'host'))('normalised, %s', (mode) => {
    const [batch, height, width] = [2, 4, 6];
    const bytes = Uint8Array.from({ length: batch * height * width * 4 }, (_, i) => (i * 37 + 250) % 256);
    const normalisation = { mean: [0.5, 0.25, 0.4], std: [0.2, 0.25, 0.3] };

    it.each([[3], [1]])('from bytes, %d channels, as from numbers', async (channels) => {
      const some = {
        mean: normalisation.mean.slice(0, channels),
        std: normalisation.std.slice(0, channels),
      };
      const values = bytes.filter((_, i) => i % 4 < channels);
      const expected = Float32Array.from(
        values,
        (value, i) => (value / 255 - some.mean[i % channels]!) / some.std[i % channels]!,
      );
      const shape: [number, number, number, number] = [batch, height, width, channels];
      const wanted = patchify(tf.tensor4d(expected, shape), [2, 3]);
      const pixels = tf.tensor3d(new Int32Array(bytes.buffer), [batch, height, width], 'int32');
      const unit = tf.tensor4d(
        Float32Array.from(values, (value) => value / 255),
        shape,
      );
      await withKernelMode(mode, async () => {
        await expectClose(patchifyRgba(pixels, [2, 3], some), wanted, 1e-5);
        await expectClose(patchify(unit, [2, 3], some), wanted, 1e-5);
      });
    });
  });

  it('orders tokens by rows and pixels by (row, column, channel)', async () => {
    // A 4x6 image of 2 channels whose pixel value is 100 row + 10 column + channel; patches of 2x3.
    const pixels = Array.from({ length: 4 }, (_, y) =>
      Array.from({ length: 6 }, (_, x) => [100 * y + 10 * x, 100 * y + 10 * x + 1]),
    );
    const patches = patchify(tf.tensor4d([pixels]), [2, 3]);
    expect(patches.shape).toEqual([1, 4, 12]);
    await expectClose(
      tf.slice(patches, [0, 1, 0], [1, 1, 12]),
      [30, 31, 40, 41, 50, 51, 130, 131, 140, 141, 150, 151],
    );
    await expectClose(unpatchify(patches, [4, 6], [2, 3]), tf.tensor4d([pixels]));
  });

  it('names sizes that do not fit', () => {
    expect(() => patchify(tf.zeros([1, 30, 32, 3]), [4, 4])).toThrow(
      'image 30x32 (height x width) does not divide into patches of 4x4; use a height of 28 or 32 and a width of 32',
    );
    const pixels = tf.zeros<tf.Rank.R3>([1, 4, 4], 'int32');
    expect(() => patchifyRgba(pixels, [3, 4], { mean: [0], std: [1] })).toThrow('does not divide');
    expect(() => patchifyRgba(pixels, [4, 4], { mean: [0], std: [1, 1] })).toThrow(
      'for each, not [0] and [1,1]',
    );
    expect(() => patchifyRgba(pixels, [4, 4], { mean: [], std: [] })).toThrow(
      'makes 1 channel or 3, but the normalisation has 0',
    );
    expect(() => patchifyRgba(tf.zeros([1, 4, 4]), [4, 4], { mean: [0], std: [1] })).toThrow('got float32');
    expect(() => unpatchify(tf.zeros([1, 5, 48]), [8, 8], [4, 4])).toThrow('5 patches of 48 values');
  });
});
