import { fold, seed } from '@maehem/random';
import {
  checkOp,
  describeOnEveryBackend,
  expectClose,
  gradientsOf,
  loadTfjsGradients,
  randomTensor,
} from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { gelu } from './gelu.js';
import { geluReference } from './reference.js';

const key = fold(seed(1), 'gelu');

beforeAll(loadTfjsGradients);

describeOnEveryBackend('gelu', (backend) => {
  describe.each(kernelModes(backend))('%s', (mode) => {
    it.each([
      ['one entry', [1]],
      ['tokens', [2, 17, 9]],
    ])('%s', async (_name, shape) => {
      const x = randomTensor(fold(key, 'x'), shape, 2);
      await withKernelMode(mode, () => checkOp({ key, inputs: [x], op: gelu, reference: geluReference }));
    });

    it('has the values and slopes of the exact GELU, in the tails too', async () => {
      // x Φ(x) and Φ(x) + x φ(x), from tables of the normal distribution.
      const x = tf.tensor1d([-8, -1, 0, 0.5, 1, 3, 8]);
      const { value, grads } = withKernelMode(mode, () => gradientsOf(gelu, [x], tf.ones([7])));
      await expectClose(value, [-4.98e-15, -0.158655254, 0, 0.345731231, 0.841344746, 2.995950306, 8], 2e-6);
      await expectClose(
        grads[0]!,
        [-4e-14, -0.083315471, 0.5, 0.867495157, 1.083315471, 1.011945655, 1],
        2e-6,
      );
    });
  });
});
