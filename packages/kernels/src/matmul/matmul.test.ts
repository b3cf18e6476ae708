import { fold, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { type KernelMode, withKernelMode } from '../dispatch/kernel.js';
import { matMul } from './matmul.js';

const key = fold(seed(1), 'matmul');

describeOnEveryBackend('matMul', () => {
  describe.each<KernelMode>(['native', 'composite'])('%s', (mode) => {
    it.each([
      ['A B', false, false],
      ['A Bᵀ', false, true],
      ['Aᵀ B', true, false],
      ['Aᵀ Bᵀ', true, true],
    ])('%s, alone and in batches', async (_name, transposeA, transposeB) => {
      for (const leading of [[], [3], [2, 2]]) {
        const a = randomTensor(fold(key, 'a'), [...leading, ...(transposeA ? [7, 17] : [17, 7])]);
        const b = randomTensor(fold(key, 'b'), [...leading, ...(transposeB ? [9, 7] : [7, 9])]);
        const product = withKernelMode(mode, () => matMul(a, b, { transposeA, transposeB, alpha: 0.25 }));
        expect(product.shape).toEqual([...leading, 17, 9]);
        await expectClose(product, tf.mul(tf.matMul(a, b, transposeA, transposeB), 0.25), 1e-5);
      }
    });
  });

  it('names shapes that do not fit', () => {
    expect(() => matMul(tf.zeros([2, 3]), tf.zeros([2, 3]), { transposeA: false })).toThrow(
      '[2,3] and [2,3]',
    );
    expect(() => matMul(tf.zeros([2, 2, 3]), tf.zeros([3, 3, 2]))).toThrow('do not fit');
  });
});
