import { capture, dispose } from '@maehem/backend';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { adamw } from './adamw.js';

const attrs = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0, lrScale: 1 };

type State = { param: tf.Tensor; m: tf.Tensor; v: tf.Tensor };

/** The step uses the weights through a reshape and a clone before it updates them, as a model does. */
function step({ state, lr }: { state: State; lr: tf.Scalar }) {
  const one = tf.scalar(1);
  const grad = tf.reshape(tf.mul(tf.clone(tf.reshape(state.param, [2, 2])), 2), [4]);
  const [param, m, v] = adamw(
    { ...state, grad, lr, correction1: one, correction2: one, gradScale: one },
    attrs,
  );
  return { loss: tf.sum(grad), state: { param: param!, m: m!, v: v! } };
}

const fresh = (): State => ({ param: tf.tensor1d([1, 2, 3, 4]), m: tf.zeros([4]), v: tf.zeros([4]) });

describeOnEveryBackend('captured adamw', (backend) => {
  it('updates in place on replay, as eagerly, and frees the rest', async () => {
    const lr = tf.scalar(0.1);
    let eager = fresh();
    const first = await capture(step, { state: fresh(), lr });
    let replayed: State = fresh();
    let before = 0;
    for (let i = 0; i < 4; i++) {
      const expected = tf.tidy(() => step({ state: eager, lr }));
      dispose(eager);
      eager = expected.state;
      const place = replayed.param.dataId;
      const made = first.program.run({ state: replayed, lr });
      dispose(replayed);
      replayed = made.state;
      // The cpu engine's memory may be a caller's array: it always makes a copy.
      expect(replayed.param.dataId === place).toBe(backend === 'wasm' || backend === 'webgpu');
      // TensorFlow's own update of a variable rounds otherwise than its ops one by one.
      const tolerance = backend === 'tensorflow' ? 1e-6 : 0;
      await expectClose(made.loss, expected.loss, tolerance);
      await expectClose(replayed.param, eager.param, tolerance);
      tf.dispose([made.loss, expected.loss]);
      // TensorFlow's first replay copies out what the recording has left in its variables.
      if (i === 0) before = tf.backend().numDataIds();
    }
    expect(tf.backend().numDataIds()).toBe(before);
  });

  it('on replay too, leaves a clone alone that somebody kept', async () => {
    const lr = tf.scalar(0.1);
    const { program } = await capture(step, { state: fresh(), lr });
    const state = fresh();
    const kept = tf.clone(state.param);
    const made = program.run({ state, lr });
    dispose(state);
    await expectClose(kept, [1, 2, 3, 4], 0);
    expect((await made.state.param.data())[0]).toBeLessThan(1);
  });
});
