import { fold, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { type KernelMode, kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { adamw } from './adamw.js';
import { adamwReference } from './reference.js';

const key = fold(seed(1), 'adamw');
const attrs = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.05, lrScale: 0.5 };

/** Three steps with changing rates and a clipping factor: by the kernel, and by plain numbers. */
async function threeSteps(mode: KernelMode, size: number) {
  const start = randomTensor(fold(key, 'param'), [size]);
  const expected = [...(await start.data())].map((param) => ({ param, m: 0, v: 0 }));
  let state: tf.Tensor[] = [start, tf.zeros([size]), tf.zeros([size])];
  for (let step = 1; step <= 3; step++) {
    const grad = randomTensor(fold(fold(key, 'grad'), step), [size]);
    const lr = 0.01 * step;
    const scalars = {
      lr: tf.scalar(lr),
      correction1: tf.scalar(1 - attrs.beta1 ** step),
      correction2: tf.scalar(1 - attrs.beta2 ** step),
      gradScale: tf.scalar(0.7),
    };
    const [param, m, v] = state as [tf.Tensor, tf.Tensor, tf.Tensor];
    const next = withKernelMode(mode, () => adamw({ param, m, v, grad, ...scalars }, attrs));
    const host = await grad.data();
    for (const [i, entry] of expected.entries())
      expected[i] = adamwReference(entry, host[i]! * 0.7, step, { ...attrs, lr: lr * attrs.lrScale });
    tf.dispose([...state, grad, ...Object.values(scalars)]);
    state = next;
  }
  return { state, expected };
}

describeOnEveryBackend('adamw', (backend) => {
  describe.each(kernelModes(backend))('%s', (mode) => {
    it.each([[1], [257]])('follows the formula for %d entries, and leaves three tensors', async (size) => {
      const before = tf.memory().numTensors;
      const { state, expected } = await threeSteps(mode, size);
      await expectClose(
        state[0]!,
        expected.map(({ param }) => param),
        1e-6,
      );
      await expectClose(
        state[1]!,
        expected.map(({ m }) => m),
        1e-6,
      );
      await expectClose(
        state[2]!,
        expected.map(({ v }) => v),
        1e-6,
      );
      expect(tf.memory().numTensors - before).toBe(3);
      tf.dispose(state);
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  it('leaves alone a clone of the weights, and the array that they were made from', async () => {
    const array = new Float32Array([1, 2, 3]);
    const param = tf.tensor1d(array);
    const clone = tf.clone(param);
    const zeros = () => tf.zeros([3]);
    const scalars = {
      lr: tf.scalar(0.1),
      correction1: tf.scalar(0.1),
      correction2: tf.scalar(0.05),
      gradScale: tf.scalar(1),
    };
    const [updated] = adamw({ param, m: zeros(), v: zeros(), grad: tf.ones([3]), ...scalars }, attrs);
    param.dispose();
    expect([...(await clone.data())]).toEqual([1, 2, 3]);
    expect([...array]).toEqual([1, 2, 3]);
    expect((await updated!.data())[0]).toBeLessThan(1);
  });
});
