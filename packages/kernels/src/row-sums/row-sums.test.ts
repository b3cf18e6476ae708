import { fold, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { hiddenSum, sumRows } from './row-sums.js';

const key = fold(seed(1), 'row-sums');

describeOnEveryBackend('sums of rows', (backend) => {
  describe.each(kernelModes(backend))('%s', (mode) => {
    it.each([
      ['few', [4, 1, 8]],
      ['odd', [3, 5, 7]],
      ['several runs of them', [3, 50, 132]],
    ])('%s', async (_name, shape) => {
      const x = randomTensor(key, shape);
      const [sum] = withKernelMode(mode, () => sumRows({ x }, {}));
      await expectClose(sum!, tf.sum(x, [0, 1]), 1e-5);
    });

    it('of hidden tokens alone', async () => {
      const dy = randomTensor<tf.Tensor3D>(key, [2, 4, 8]);
      const ids = tf.tensor2d([2, 0, 3, 1, 1, 2, 0, 3], [2, 4], 'int32');
      const hidden = tf.reshape(tf.cast(tf.greaterEqual(ids, tf.scalar(2, 'int32')), 'float32'), [2, 4, 1]);
      const rows = [1, 3, 6, 4].map((row) => tf.slice(tf.reshape(dy, [8, 8]), [row, 0], [1, 8]));
      const dvisible = tf.reshape(tf.concat(rows), [2, 2, 8]) as tf.Tensor3D;
      const [sum] = withKernelMode(mode, () => hiddenSum({ dy, dvisible, ids }, {}));
      await expectClose(sum!, tf.sum(tf.mul(dy, hidden), [0, 1]), 1e-5);
    });
  });
});
