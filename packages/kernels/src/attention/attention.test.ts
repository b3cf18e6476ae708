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
import { kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { attention } from './attention.js';
import { attentionProbabilities } from './gradient.js';
import { attentionReference } from './reference.js';

const key = fold(seed(1), 'attention');

beforeAll(loadTfjsGradients);

describeOnEveryBackend('attention', (backend) => {
  describe.each(kernelModes(backend))('%s', (mode) => {
    it.each([
      ['one token', 1, 1, 8, 2],
      ['one head', 2, 5, 4, 1],
      ['odd heads', 2, 17, 12, 3],
      ['197 tokens', 1, 197, 8, 2],
    ])('%s', async (_name, batch, tokens, width, heads) => {
      const qkv = randomTensor(fold(key, 'qkv'), [batch, tokens, 3 * width]);
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [qkv],
          op: (x) => attention(x as tf.Tensor3D, heads),
          reference: (x) => attentionReference(x as tf.Tensor3D, heads),
        }),
      );
    });

    it('is not upset by large scores', async () => {
      const qkv = tf.mul(randomTensor<tf.Tensor3D>(fold(key, 'large'), [1, 4, 24]), 100) as tf.Tensor3D;
      const out = withKernelMode(mode, () => attention(qkv, 2));
      expect((await out.data()).every(Number.isFinite)).toBe(true);
    });
  });

  it('gives probabilities that sum to one', async () => {
    const qkv = randomTensor<tf.Tensor3D>(fold(key, 'p'), [2, 6, 24]);
    const sums = tf.sum(attentionProbabilities(qkv, 2), -1);
    await expectClose(sums, new Float32Array(24).fill(1), 1e-5);
  });

  it('refuses heads that do not divide the width', () => {
    expect(() => attention(tf.zeros([1, 2, 30]), 4)).toThrow('30 does not divide into 3 x 4 heads');
  });
});
