import { capture, dispose } from '@maehem/backend';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { adamw, initLossScale, type LossScale, sgd, stepLossScale } from './index.js';

const only = async (tensor: tf.Tensor): Promise<number> => (await tensor.data())[0]!;

/** Step through norms, and tell of each step [norm, gradScale, scale, good]. */
async function walk(
  start: number,
  norms: readonly number[],
  options: Parameters<typeof stepLossScale>[2],
): Promise<number[][]> {
  let state = initLossScale(start);
  const told: number[][] = [];
  for (const value of norms) {
    const norm = tf.scalar(value);
    const { gradNorm, gradScale, lossScale } = stepLossScale(state, norm, options);
    dispose(state);
    state = lossScale;
    told.push(await Promise.all([gradNorm, gradScale, state.scale, state.good].map(only)));
    tf.dispose([norm, gradNorm, gradScale]);
  }
  dispose(state);
  return told;
}

describeOnEveryBackend('loss scale', (backend) => {
  it('doubles after good steps, halves and skips where gradients overflow', async () => {
    const before = tf.memory().numTensors;
    const infinity = Number.POSITIVE_INFINITY;
    expect(await walk(8, [4, 4, infinity, Number.NaN, 4], { growthInterval: 2 })).toEqual([
      [0.5, 1 / 8, 8, 1],
      [0.5, 1 / 8, 16, 0],
      [infinity, 0, 8, 0],
      [infinity, 0, 4, 0],
      [1, 1 / 4, 4, 1],
    ]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('averages, and clips what is left of the scale', async () => {
    const [[norm, scale] = []] = await walk(4, [80], { average: 0.5, clipNorm: 2 });
    expect(norm).toBe(10);
    expect(scale).toBeCloseTo((0.5 / 4) * (2 / 10), 6);
  });

  it('stays between 1 and 2^24', async () => {
    const [[, , low] = []] = await walk(1, [Number.NaN], {});
    const [[, , high] = []] = await walk(2 ** 24, [1], { growthInterval: 1 });
    expect([low, high]).toEqual([1, 2 ** 24]);
  });

  it.each(['adamw', 'sgd'])('a factor of 0 leaves %s as it is, whatever the gradients are', async (name) => {
    // Nothing on TensorFlow makes infinite gradients: there AdamW takes a step along none.
    const plain = name === 'adamw' && backend === 'tensorflow';
    const bad = plain ? 1 : Number.NaN;
    const treatments = { w: { lrScale: 1, weightDecay: plain ? 0 : 0.1 } };
    const optimizer = (name === 'adamw' ? adamw : sgd)({ schedule: () => 0.1, treatments });
    const params = { w: tf.tensor1d([1, 2, 3]) };
    const scalars = Object.fromEntries(
      Object.entries(optimizer.numbers(0)).map(([key, value]) => [key, tf.scalar(value)]),
    );
    const grads = { w: tf.fill([3], bad) };
    const state = optimizer.init(params);
    const input = { params, grads, state, scalars, gradScale: tf.scalar(0) };
    const next = tf.tidy(() => optimizer.update(input) as never) as ReturnType<typeof optimizer.update>;
    await expectClose(next.params['w']!, [1, 2, 3], 0);
    for (const slot of Object.values(next.state)) await expectClose(slot['w']!, [0, 0, 0], 0);
  });

  it('is captured', async () => {
    const step = ({ state, norm }: { state: LossScale; norm: tf.Scalar }) =>
      stepLossScale(state, norm, { growthInterval: 2 });
    const norm = tf.scalar(4);
    const first = await capture(step, { state: initLossScale(8), norm });
    let state = first.outputs.lossScale;
    for (const expected of [16, 16, 32]) {
      const made = first.program.run({ state, norm });
      dispose(state);
      state = made.lossScale;
      expect(await only(state.scale)).toBe(expected);
      tf.dispose([made.gradNorm, made.gradScale]);
    }
    first.program.dispose();
  });
});
