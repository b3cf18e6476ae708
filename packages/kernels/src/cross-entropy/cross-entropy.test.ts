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
import { softmaxCrossEntropy } from './cross-entropy.js';
import { crossEntropyReference } from './reference.js';

const key = fold(seed(1), 'cross-entropy');

beforeAll(loadTfjsGradients);

describeOnEveryBackend('softmax cross-entropy', (backend) => {
  describe.each(kernelModes(backend, { shaped: true }))('%s', (mode) => {
    it.each([
      ['one class', 2, 1],
      ['one sample', 1, 5],
      ['a batch', 6, 10],
      ['a thousand classes', 2, 1000],
    ])('%s', async (_name, batch, classes) => {
      const logits = randomTensor(fold(key, 'logits'), [batch, classes], 3);
      // Not normalised on purpose: soft targets need not sum to one.
      const targets = tf.abs(randomTensor(fold(key, 'targets'), [batch, classes])) as tf.Tensor2D;
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [logits],
          op: (x) => softmaxCrossEntropy(x as tf.Tensor2D, targets),
          reference: (x) => crossEntropyReference(x as tf.Tensor2D, targets),
        }),
      );
    });

    it('is log(classes) for equal logits, finite for huge ones, NaN for NaN', async () => {
      const loss = (logits: tf.Tensor2D, targets: tf.Tensor2D) =>
        withKernelMode(mode, () => softmaxCrossEntropy(logits, targets));
      await expectClose(loss(tf.zeros([3, 7]), tf.fill([3, 7], 1 / 7)), [Math.log(7)]);
      await expectClose(loss(tf.tensor2d([[1e4, 0]]), tf.tensor2d([[0, 1]])), [1e4]);
      for (const place of [0, 1, 4]) {
        const row = [0, 1, 2, 3, 4].map((value) => (value === place ? Number.NaN : value));
        const [value] = await loss(tf.tensor2d([row]), tf.fill([1, 5], 0.2)).data();
        expect(value).toBeNaN();
      }
    });
  });

  it('refuses targets of another shape', () => {
    expect(() => softmaxCrossEntropy(tf.zeros([3, 7]), tf.zeros([3, 6]))).toThrow('[3,7] and targets [3,6]');
  });
});
