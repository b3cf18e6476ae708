import { fold, seed } from '@maehem/random';
import {
  checkOp,
  describeOnEveryBackend,
  expectClose,
  loadTfjsGradients,
  randomTensor,
} from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { softmaxCrossEntropy } from './cross-entropy.js';
import { crossEntropyReference } from './reference.js';

const key = fold(seed(1), 'cross-entropy');

beforeAll(loadTfjsGradients);

describeOnEveryBackend('softmax cross-entropy', () => {
  it.each([
    ['one class', 2, 1],
    ['one sample', 1, 5],
    ['a batch', 6, 10],
  ])('%s', (_name, batch, classes) => {
    const logits = randomTensor(fold(key, 'logits'), [batch, classes], 3);
    // Not normalised on purpose: soft targets need not sum to one.
    const targets = tf.abs(randomTensor(fold(key, 'targets'), [batch, classes])) as tf.Tensor2D;
    checkOp({
      key,
      inputs: [logits],
      op: (x) => softmaxCrossEntropy(x as tf.Tensor2D, targets),
      reference: (x) => crossEntropyReference(x as tf.Tensor2D, targets),
    });
  });

  it('is log(classes) for equal logits, and finite for huge ones', () => {
    expectClose(softmaxCrossEntropy(tf.zeros([3, 7]), tf.fill([3, 7], 1 / 7)), [Math.log(7)]);
    expectClose(softmaxCrossEntropy(tf.tensor2d([[1e4, 0]]), tf.tensor2d([[0, 1]])), [1e4]);
  });

  it('refuses targets of another shape', () => {
    expect(() => softmaxCrossEntropy(tf.zeros([3, 7]), tf.zeros([3, 6]))).toThrow('[3,7] and targets [3,6]');
  });
});
