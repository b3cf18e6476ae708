import { fold, seed } from '@maehem/random';
import { checkOp, describeOnEveryBackend, loadTfjsGradients, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { linear, linearPlus } from './linear.js';
import { linearReference } from './reference.js';

const key = fold(seed(1), 'linear');
const params = (inputs: number, outputs: number) => ({
  weight: randomTensor<tf.Tensor2D>(fold(key, 'w'), [outputs, inputs]),
  bias: randomTensor<tf.Tensor1D>(fold(key, 'b'), [outputs]),
});

beforeAll(loadTfjsGradients);

describeOnEveryBackend('linear', (backend) => {
  describe.each(kernelModes(backend))('%s', (mode) => {
    it.each([
      ['one token', [1, 1, 8], 5],
      ['197 tokens', [2, 197, 12], 7],
      ['rows', [6, 4], 3],
      ['one output', [3, 5, 4], 1],
    ])('%s', async (_name, shape, outputs) => {
      const { weight, bias } = params(shape[shape.length - 1]!, outputs);
      const x = randomTensor(fold(key, 'x'), shape);
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [x, weight, bias],
          op: (input, w, b) => linear({ weight: w as tf.Tensor2D, bias: b as tf.Tensor1D }, input),
          reference: (input, w, b) => linearReference(input, w as tf.Tensor2D, b as tf.Tensor1D),
        }),
      );
    });

    it('adds a residual', async () => {
      const { weight, bias } = params(5, 4);
      const x = randomTensor(fold(key, 'x'), [2, 3, 5]);
      const residual = randomTensor(fold(key, 'residual'), [2, 3, 4]);
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [x, weight, bias, residual],
          op: (input, w, b, r) => linearPlus({ weight: w as tf.Tensor2D, bias: b as tf.Tensor1D }, input, r!),
          reference: (input, w, b, r) =>
            tf.add(linearReference(input, w as tf.Tensor2D, b as tf.Tensor1D), r!),
        }),
      );
    });

    it('skips the gradient of fixed inputs', async () => {
      const { weight, bias } = params(4, 3);
      const x = randomTensor(fold(key, 'x'), [2, 5, 4]);
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [weight, bias],
          op: (w, b) => linear({ weight: w as tf.Tensor2D, bias: b as tf.Tensor1D }, x, { inputFixed: true }),
          reference: (w, b) => linearReference(x, w as tf.Tensor2D, b as tf.Tensor1D),
        }),
      );
    });
  });

  it('names the widths that do not fit', () => {
    expect(() => linear(params(4, 3), randomTensor(key, [2, 5]))).toThrow(
      'ends in 5, but weight [3,4] takes 4',
    );
  });
});
