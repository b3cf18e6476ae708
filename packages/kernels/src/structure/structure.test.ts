import { fold, seed } from '@maehem/random';
import { checkOp, describeOnEveryBackend, loadTfjsGradients, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it, vi } from 'vitest';
import { kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { add } from './add.js';
import { prependClassToken, sliceTokens } from './class-token.js';
import { meanTokens } from './mean-tokens.js';
import { reshape } from './reshape.js';
import { scaleSamples } from './scale-samples.js';

const key = fold(seed(1), 'structure');
const x = () => randomTensor(fold(key, 'x'), [3, 5, 4]);

beforeAll(loadTfjsGradients);

describeOnEveryBackend('structure', (backend) => {
  it('reshape', async () => {
    await checkOp({
      key,
      inputs: [x()],
      op: (a) => reshape(a, [15, 4]),
      reference: (a) => tf.reshape(a, [15, 4]),
    });
  });

  it('add: residual, position embedding, shared by all', async () => {
    for (const shape of [
      [3, 5, 4],
      [1, 5, 4],
      [1, 1, 4],
    ]) {
      const other = randomTensor(fold(key, 'other'), shape);
      await checkOp({
        key,
        inputs: [x(), other],
        op: (a, b) => add(a, b),
        reference: (a, b) => tf.add(a, b),
      });
    }
    expect(() => add(x(), tf.zeros([1, 4, 4]))).toThrow('[1,4,4] does not spread over [3,5,4]');
  });

  it('add: a fixed position embedding gets no gradient', () => {
    const positions = randomTensor(fold(key, 'positions'), [1, 5, 4]);
    const loss = (a: tf.Tensor) => tf.sum(add(a, positions)) as tf.Scalar;
    const names: string[] = [];
    const runKernel = tf.engine().runKernel;
    const spy = vi.spyOn(tf.engine(), 'runKernel').mockImplementation((name, ...rest) => {
      names.push(name);
      return runKernel.call(tf.engine(), name, ...rest);
    });
    tf.grad(loss)(x());
    spy.mockRestore();
    expect(names.filter((name) => name === 'Sum')).toHaveLength(1);
  });

  it('class token: before the others', async () => {
    const token = randomTensor(fold(key, 'class'), [1, 1, 4]);
    await checkOp({
      key,
      inputs: [x(), token],
      op: (a, c) => prependClassToken(a as tf.Tensor3D, c as tf.Tensor3D),
      reference: (a, c) => tf.concat([tf.add(c, tf.zeros([3, 1, 4])), a], 1),
    });
  });

  it.each(kernelModes(backend))('consecutive tokens, %s', async (mode) => {
    for (const [begin, count] of [
      [1, 4],
      [0, 1],
      [2, 2],
    ] as const)
      await withKernelMode(mode, () =>
        checkOp({
          key,
          inputs: [x()],
          op: (a) => sliceTokens(a as tf.Tensor3D, begin, count),
          reference: (a) => tf.slice(a, [0, begin, 0], [3, count, 4]),
        }),
      );
  });

  it('mean over tokens', async () => {
    await checkOp({
      key,
      inputs: [x()],
      op: (a) => meanTokens(a as tf.Tensor3D),
      reference: (a) => tf.mean(a, 1),
    });
  });

  it('a factor for each sample', async () => {
    const factors = tf.tensor1d([0, 1.25, 1.25]);
    await checkOp({
      key,
      inputs: [x()],
      op: (a) => scaleSamples(a as tf.Tensor3D, factors),
      reference: (a) => tf.mul(a, tf.reshape(factors, [3, 1, 1])),
    });
  });
});
