import { kernelModes, withKernelMode } from '@maehem/kernels';
import { fold, seed } from '@maehem/random';
import {
  checkOp,
  describeOnEveryBackend,
  expectClose,
  loadTfjsGradients,
  randomTensor,
} from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { maskedMse, maskedNormPixMse, normPixTarget, smoothTargets } from './index.js';

const key = fold(seed(1), 'losses');

beforeAll(loadTfjsGradients);

describeOnEveryBackend('masked MSE', (backend) => {
  describe.each(kernelModes(backend, { shaped: true }))('%s', (mode) => {
    it.each([
      ['half removed', [1, 0, 1, 0, 1, 0]],
      ['one removed', [0, 0, 0, 1, 0, 0]],
      ['loss on all patches', [1, 1, 1, 1, 1, 1]],
      ['five values a patch', [1, 0, 1, 1, 0, 0], 5],
    ])('%s', async (_name, removed, values = 12) => {
      const target = randomTensor<tf.Tensor3D>(fold(key, 'target'), [2, 3, values]);
      const mask = tf.tensor2d(removed, [2, 3]);
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [randomTensor(fold(key, 'prediction'), [2, 3, values])],
          op: (x) => maskedMse(x as tf.Tensor3D, target, mask),
          reference: (x) =>
            tf.div(tf.sum(tf.mul(tf.mean(tf.square(tf.sub(x, target)), -1), mask)), tf.sum(mask)),
        }),
      );
    });

    it.each([
      ['half removed', [1, 0, 1, 0, 1, 0]],
      ['five values a patch', [1, 0, 1, 1, 0, 0], 5],
      ['many values a patch', [0, 0, 1, 1, 0, 0], 300],
    ])('of normalised pixels: %s', async (_name, removed, values = 12) => {
      const patches = tf.add(
        randomTensor<tf.Tensor3D>(fold(key, 'patches'), [2, 3, values]),
        3,
      ) as tf.Tensor3D;
      const mask = tf.tensor2d(removed, [2, 3]);
      const target = withKernelMode('composite', () => normPixTarget(patches));
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [randomTensor(fold(key, 'prediction'), [2, 3, values])],
          op: (x) => maskedNormPixMse(x as tf.Tensor3D, patches, mask),
          reference: (x) =>
            tf.div(tf.sum(tf.mul(tf.mean(tf.square(tf.sub(x, target)), -1), mask)), tf.sum(mask)),
        }),
      );
    });

    it('norm-pix: mean 0 and unbiased deviation 1 in every patch; a flat patch gives zeros', async () => {
      for (const values of [2, 5, 48]) {
        const shape = [2, 3, values];
        const patches = tf.add(tf.mul(randomTensor(fold(key, 'patches'), shape), 3), 7) as tf.Tensor3D;
        const target = withKernelMode(mode, () => normPixTarget(patches));
        await expectClose(tf.mean(target, -1), new Float32Array(6), 1e-5);
        const variance = tf.div(tf.sum(tf.square(target), -1), values - 1);
        await expectClose(variance, new Float32Array(6).fill(1), 1e-5);
      }
      await expectClose(
        withKernelMode(mode, () => normPixTarget(tf.fill([1, 1, 4], 0.5))),
        [0, 0, 0, 0],
        1e-6,
      );
    });
  });

  it('refuses to normalise patches of one value', () => {
    const single = tf.zeros<tf.Rank.R3>([1, 2, 1]);
    expect(() => maskedNormPixMse(single, single, tf.ones([1, 2]))).toThrow('at least two values');
  });

  it('refuses targets of another shape', () => {
    expect(() => maskedMse(tf.zeros([1, 2, 3]), tf.zeros([1, 2, 4]), tf.ones([1, 2]))).toThrow(
      'differ in shape',
    );
  });
});

describe('smoothed targets', () => {
  it('spread as PyTorch spreads them', async () => {
    await expectClose(
      smoothTargets([2, 0], 4, 0.1),
      [0.025, 0.025, 0.925, 0.025, 0.925, 0.025, 0.025, 0.025],
      1e-6,
    );
    expect([...smoothTargets([1], 2)]).toEqual([0, 1]);
  });

  it('name a label that is out of range', () => {
    expect(() => smoothTargets([1, 4], 4)).toThrow('label 4 of sample 1 is not one of 4 classes');
  });
});
