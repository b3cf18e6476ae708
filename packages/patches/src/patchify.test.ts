import { kernelModes, withKernelMode } from '@maehem/kernels';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { patchify, unpatchify } from './patchify.js';

describeOnEveryBackend('patchify', (backend) => {
  it.each(kernelModes(backend).filter((mode) => mode !== 'host'))('normalises, %s', async (mode) => {
    const normalisation = { mean: [0.5, 0.25, 0.4], std: [0.2, 0.25, 0.3] };
    const shape: [number, number, number, number] = [2, 4, 6, 3];
    const values = Float32Array.from({ length: 2 * 4 * 6 * 3 }, (_, i) => (i % 17) / 16);
    const expected = values.map(
      (value, i) => (value - normalisation.mean[i % 3]!) / normalisation.std[i % 3]!,
    );
    const wanted = patchify(tf.tensor4d(expected, shape), [2, 3]);
    await withKernelMode(mode, () =>
      expectClose(patchify(tf.tensor4d(values, shape), [2, 3], normalisation), wanted, 1e-5),
    );
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
    expect(() => patchify(tf.zeros([1, 4, 4, 1]), [4, 4], { mean: [0], std: [1, 1] })).toThrow(
      'for each, not [0] and [1,1]',
    );
    expect(() => unpatchify(tf.zeros([1, 5, 48]), [8, 8], [4, 4])).toThrow('5 patches of 48 values');
  });
});
