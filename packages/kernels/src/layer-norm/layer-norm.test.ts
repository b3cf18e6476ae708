import { fold, seed } from '@maehem/random';
import {
  checkOp,
  describeOnEveryBackend,
  expectClose,
  loadTfjsGradients,
  randomTensor,
} from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { layerNorm } from './layer-norm.js';
import { layerNormReference } from './reference.js';

const key = fold(seed(1), 'layer-norm');

beforeAll(loadTfjsGradients);

describeOnEveryBackend('layer norm', (backend) => {
  describe.each(kernelModes(backend, { shaped: true }))('%s', (mode) => {
    it.each([
      ['one token', [1, 1, 8]],
      ['197 tokens', [2, 197, 12]],
      ['odd width', [3, 5, 7]],
      ['rows', [6, 48]],
      // More than a software adapter's subgroups take.
      ['wide rows', [3, 196]],
      // Whole steps for some invocations of a GPU, one less for others; and more than their registers take.
      ['wider rows', [3, 588]],
      ['rows beyond registers', [2, 1001]],
    ])('%s', async (_name, shape) => {
      const features = shape[shape.length - 1]!;
      const x = randomTensor(fold(key, 'x'), shape, 2);
      const weight = randomTensor(fold(key, 'w'), [features]);
      const bias = randomTensor(fold(key, 'b'), [features]);
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [x, weight, bias],
          op: (input, w, b) => layerNorm({ weight: w as tf.Tensor1D, bias: b as tf.Tensor1D }, input),
          reference: (input, w, b) => layerNormReference(input, w as tf.Tensor1D, b as tf.Tensor1D, 1e-6),
        }),
      );
    });

    it('maps a constant row to the bias', async () => {
      const bias = tf.tensor1d([1, 2, 3, 4]);
      const y = withKernelMode(mode, () =>
        layerNorm({ weight: tf.ones([4]) as tf.Tensor1D, bias }, tf.fill([2, 4], 5)),
      );
      await expectClose(y, [1, 2, 3, 4, 1, 2, 3, 4]);
    });
  });
});
