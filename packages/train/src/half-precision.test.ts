import { dispose, openBackend } from '@maehem/backend';
import { initMae, smallMaePreset } from '@maehem/mae';
import {
  adamw,
  initLossScale,
  LOSS_SCALE_SLOT,
  lossScaleOf,
  pretrainGroups,
  warmupCosine,
} from '@maehem/optim';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { fold, normal, seed } from '@maehem/random';
import { describeInHalfPrecision, difference, HALF_PRECISION } from '@maehem/testing';
import { entries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { downloadOptimizerState, maeFromTensors, uploadOptimizerState } from './checkpoint.js';
import { downloadTree } from './host-tensors.js';
import {
  createPretrainer,
  type PretrainBatch,
  type Pretrainer,
  type PretrainStart,
  type StepResult,
  splitParams,
} from './index.js';

/** Training in half precision: a small model, with all that a run uses, against the same on wasm. */
const key = fold(seed(4), 'half precision');
const model = smallMaePreset('small', {
  ...{ imageSize: [16, 16], dim: 24, depth: 2, heads: 3, decoderDim: 16, decoderDepth: 1, decoderHeads: 2 },
});
const [BATCH, TOKENS, VALUES, STEPS] = [4, 16, 48, 20];
const schedule = warmupCosine({ baseLr: 3e-3, minLr: 0, warmupSteps: 4, totalSteps: STEPS });

function batchOf(step: number): PretrainBatch {
  const at = fold(key, step);
  return {
    patches: tf.tensor3d(normal(fold(at, 'pixels'), BATCH * TOKENS * VALUES), [BATCH, TOKENS, VALUES]),
    plan: uploadPlan(randomMasking(fold(at, 'mask'), { batch: BATCH, tokens: TOKENS, ratio: 0.75 })),
  };
}

function trainer({
  accumulate = 1,
  ...start
}: Partial<PretrainStart> & { accumulate?: number } = {}): Pretrainer {
  const params = start.params ?? initMae(key, model);
  const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
  const optimizer = adamw({ schedule, treatments });
  const task = { model, objective: { normPix: true }, optimizer, accumulate, clipNorm: 0.5 };
  return createPretrainer(task, { ...start, params });
}

async function steps(training: Pretrainer, count: number): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let i = 0; i < count; i++) {
    const batch = batchOf(training.stepIndex);
    results.push(await training.step([batch]));
    dispose(batch);
  }
  return results;
}

const weights = async (training: Pretrainer): Promise<Float32Array> => {
  const values = await Promise.all(
    entries<tf.Tensor>(training.params()).map(async ([, tensor]) => [...(await tensor.data())]),
  );
  return Float32Array.from(values.flat());
};

const scaleOf = async (training: Pretrainer): Promise<number> =>
  (await lossScaleOf(training.optimizerState())!.scale.data())[0]!;

describeInHalfPrecision('training in half precision', () => {
  it('20 steps as on wasm, memory flat', async () => {
    const counts: number[] = [];
    const training = trainer();
    const actual: StepResult[] = [];
    for (let step = 0; step < STEPS; step++) {
      actual.push(...(await steps(training, 1)));
      counts.push(tf.memory().numTensors + tf.backend().numDataIds());
    }
    expect(counts.at(-1)).toBe(counts[4]);
    expect(await scaleOf(training)).toBe(2 ** 16);
    training.dispose();
    await openBackend('wasm');
    const single = trainer();
    const expected = await steps(single, STEPS);
    expect(lossScaleOf(single.optimizerState())).toBeUndefined();
    single.dispose();
    await openBackend('webgpu', HALF_PRECISION);
    for (const [step, { loss, gradNorm, skipped }] of actual.entries()) {
      expect(skipped).toBeUndefined();
      expect(Math.abs(loss / expected[step]!.loss - 1), `loss of step ${step}`).toBeLessThan(2e-3);
      expect(Math.abs(gradNorm / expected[step]!.gradNorm - 1), `norm of step ${step}`).toBeLessThan(2e-2);
    }
    // It is in half precision indeed.
    expect(actual[0]!.loss).not.toBe(expected[0]!.loss);
  });

  it('a step whose gradients overflow changes nothing but the scale, and training goes on', async () => {
    const params = initMae(key, model);
    const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
    const fresh = adamw({ schedule, treatments }).init(splitParams(params).trainable);
    const optimizerState = { ...fresh, [LOSS_SCALE_SLOT]: initLossScale(2 ** 40) };
    const training = trainer({ params, optimizerState });
    const before = await weights(training);
    // The first is recorded, the second replayed by kernels, the third overheard, later ones are commands.
    for (let i = 1; i <= 4; i++) {
      const [result] = await steps(training, 1);
      expect(result).toMatchObject({ skipped: true, gradNorm: Number.POSITIVE_INFINITY });
      expect(result!.loss).toBeGreaterThan(0);
      expect(await weights(training)).toEqual(before);
      expect(await scaleOf(training)).toBe(2 ** (40 - i));
    }
    let result: StepResult | undefined;
    while (result?.skipped !== undefined || result === undefined) [result] = await steps(training, 1);
    expect(Number.isFinite(result.gradNorm)).toBe(true);
    expect(difference(await weights(training), before).absolute).toBeGreaterThan(0);
    training.dispose();
  });

  it('goes on from a checkpoint to the bit, scale and count too', async () => {
    const whole = trainer();
    await steps(whole, 4);
    const split = trainer();
    await steps(split, 2);
    const state = await downloadOptimizerState(split.optimizerState());
    expect(state[`${LOSS_SCALE_SLOT}/good`]!.data[0]).toBe(2);
    const named = await downloadTree(split.params());
    split.dispose();
    const resumed = trainer({
      params: maeFromTensors(named, model, 'memory'),
      optimizerState: uploadOptimizerState(state, model),
      stepIndex: 2,
    });
    await steps(resumed, 2);
    expect(await weights(resumed)).toEqual(await weights(whole));
    expect(await scaleOf(resumed)).toBe(await scaleOf(whole));
    resumed.dispose();
    whole.dispose();
  });

  it('accumulates', async () => {
    const training = trainer({ accumulate: 2 });
    const batches = [batchOf(0), batchOf(1)];
    const { loss, gradNorm, skipped } = await training.step(batches);
    expect(skipped).toBeUndefined();
    expect(loss).toBeLessThan(3);
    expect(gradNorm).toBeLessThan(10);
    for (const batch of batches) dispose(batch);
    training.dispose();
  });
});
