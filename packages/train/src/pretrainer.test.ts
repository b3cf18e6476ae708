import { dispose } from '@maehem/backend';
import { initMae, type Mae, smallMaePreset } from '@maehem/mae';
import { adamw, pretrainGroups } from '@maehem/optim';
import { type MaskPlan, randomMasking, uploadPlan } from '@maehem/patches';
import { fold, normal, seed } from '@maehem/random';
import { describeOnEveryBackend, difference } from '@maehem/testing';
import { entries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { createPretrainer, type PretrainBatch, type Pretrainer, splitParams } from './index.js';

const key = fold(seed(2), 'pretrainer');
const model = smallMaePreset('small', {
  ...{ imageSize: [16, 16], dim: 24, depth: 1, heads: 2, decoderDim: 16, decoderDepth: 1 },
});
const TOKENS = 16;
const VALUES = 48;
const pixels = normal(fold(key, 'pixels'), 4 * TOKENS * VALUES);
const whole = randomMasking(fold(key, 'mask'), { batch: 4, tokens: TOKENS, ratio: 0.75 });

/** Samples `from` to `to` of the batch, with their part of the masking plan. */
function batch(from: number, to: number): PretrainBatch {
  const count = to - from;
  const part = <A extends Float32Array | Int32Array>(values: A, width: number): A =>
    values.slice(from * width, to * width) as A;
  const plan: MaskPlan = {
    ...{ batch: count, tokens: TOKENS, keep: whole.keep },
    idsKeep: part(whole.idsKeep, whole.keep),
    idsRestore: part(whole.idsRestore, TOKENS),
    mask: part(whole.mask, TOKENS),
  };
  return {
    patches: tf.tensor3d(part(pixels, TOKENS * VALUES), [count, TOKENS, VALUES]),
    plan: uploadPlan(plan),
  };
}

function trainer(accumulate: number, clipNorm: number | null): Pretrainer {
  const params = initMae(key, model);
  const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
  const optimizer = adamw({ schedule: () => 1e-3, treatments });
  return createPretrainer(
    { model, objective: { normPix: true }, optimizer, accumulate, clipNorm },
    { params },
  );
}

/**
 * All weights but the biases of keys: adding the same number to every score of a softmax changes nothing, so
 * their exact gradient is zero, and Adam makes full steps of what rounding leaves of it.
 */
async function weights(params: Mae): Promise<Float32Array> {
  const values = await Promise.all(
    entries<tf.Tensor>(params).map(([path, tensor]) => (path.endsWith('qkv.bias') ? [] : tensor.data())),
  );
  return Float32Array.from(values.flatMap((data) => [...data]));
}

describeOnEveryBackend('pretrainer', () => {
  it.each([null, 0.05])('two accumulated halves are one whole batch, clipped to %s', async (clipNorm) => {
    const before = tf.memory().numTensors;
    const once = trainer(1, clipNorm);
    const twice = trainer(2, clipNorm);
    const all = batch(0, 4);
    const halves = [batch(0, 2), batch(2, 4)];
    for (let step = 0; step < 3; step++) {
      const one = await once.step([all]);
      const two = await twice.step(halves);
      expect(two.loss).toBeCloseTo(one.loss, 4);
      expect(two.gradNorm / one.gradNorm).toBeCloseTo(1, 4);
    }
    expect(difference(await weights(twice.params()), await weights(once.params())).absolute).toBeLessThan(
      2e-4,
    );
    once.dispose();
    twice.dispose();
    for (const used of [all, ...halves]) dispose(used);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says how many batches a step takes', async () => {
    const run = trainer(2, null);
    await expect(run.step([batch(0, 2)])).rejects.toThrow('a step takes 2 batches, got 1');
    run.dispose();
  });
});
