import { dispose } from '@maehem/backend';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { it } from 'vitest';
import { constant, type NamedTensors, type OptimizerState, sgd } from './index.js';

/** The weight after each of two steps on a gradient of 1, from 2, at a rate of 0.1. */
async function twoSteps(momentum: number, weightDecay: number): Promise<number[]> {
  const optimizer = sgd({
    schedule: constant(0.1),
    treatments: { w: { lrScale: 1, weightDecay } },
    momentum,
  });
  let params: NamedTensors = { w: tf.tensor1d([2]) };
  let state: OptimizerState = optimizer.init(params);
  const shared = { grads: { w: tf.tensor1d([1]) }, scalars: { lr: tf.scalar(0.1) }, gradScale: tf.scalar(1) };
  const weights: number[] = [];
  for (let step = 0; step < 2; step++) {
    const next = optimizer.update({ params, state, ...shared });
    dispose(params);
    dispose(state);
    ({ params, state } = next);
    weights.push((await params['w']!.data())[0]!);
  }
  for (const tree of [params, state, shared]) dispose(tree);
  return weights;
}

describeOnEveryBackend('sgd', () => {
  it('is gradient descent without momentum', async () => expectClose(await twoSteps(0, 0), [1.9, 1.8], 1e-6));

  it('gathers momentum undamped, as PyTorch', async () =>
    expectClose(await twoSteps(0.9, 0), [1.9, 1.71], 1e-6));

  it('adds weight decay to the gradient', async () => {
    // Directions 1 + 0.5 * 2 and 1 + 0.5 * 1.8.
    await expectClose(await twoSteps(0, 0.5), [1.8, 1.61], 1e-6);
  });
});
