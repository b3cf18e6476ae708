import { dispose } from '@maehem/backend';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { adamw, EMA_SLOT, withEma } from './index.js';

describeOnEveryBackend('exponential moving average', () => {
  it('follows the weights, which train as without it, and leaves no tensor', async () => {
    const before = tf.memory().numTensors;
    const plain = adamw({ schedule: () => 0.1, treatments: { w: { lrScale: 1, weightDecay: 0 } } });
    const averaged = withEma(plain, 0.75);
    const weights: number[][] = [];
    const averages: number[][] = [];
    for (const optimizer of [plain, averaged]) {
      let params: { readonly [path: string]: tf.Tensor } = { w: tf.tensor1d([1, -2]) };
      let state = optimizer.init(params);
      for (let step = 0; step < 3; step++) {
        const grads = { w: tf.tensor1d([1, -3 + step]) };
        const scalars = Object.fromEntries(
          Object.entries(optimizer.numbers(step)).map(([name, value]) => [name, tf.scalar(value)]),
        );
        const gradScale = tf.scalar(1);
        const next = optimizer.update({ params, grads, state, scalars, gradScale });
        for (const used of [params, grads, state, scalars, { gradScale }]) dispose(used);
        ({ params, state } = next);
        weights.push([...(await params['w']!.data())]);
        if (optimizer === averaged) averages.push([...(await state[EMA_SLOT]!['w']!.data())]);
      }
      dispose(params);
      dispose(state);
    }
    expect(weights.slice(3)).toEqual(weights.slice(0, 3));
    let expected = [1, -2];
    for (const [step, average] of averages.entries()) {
      expected = expected.map((value, i) => 0.75 * value + 0.25 * weights[step]![i]!);
      await expectClose(average, expected, 1e-6);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses a decay of one', () => {
    const plain = adamw({ schedule: () => 0.1, treatments: {} });
    expect(() => withEma(plain, 1)).toThrow('must be in [0, 1), got 1');
  });
});
