import { dispose, gpuEngine } from '@maehem/backend';
import { type Tuning, tuningInUse, useTuning } from '@maehem/kernels';
import { smallMaePreset } from '@maehem/mae';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { fold, normal, seed } from '@maehem/random';
import { describeOnBackend } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, it } from 'vitest';
import { finetuneDefaults } from './finetune-config.js';
import { createPretraining } from './pretrain.js';
import { pretrainDefaults } from './pretrain-config.js';
import { tuneFinetuning, tunePretraining } from './tune-training.js';

const model = smallMaePreset('tiny', {
  ...{ imageSize: [16, 16], patchSize: [4, 4], channels: 1, dim: 16, depth: 1, heads: 2 },
  ...{ decoderDim: 16, decoderDepth: 1, decoderHeads: 2 },
});
const config = { ...pretrainDefaults(model), batch: 4 };

/** Losses of four captured steps. */
async function losses(tuning: Tuning | undefined): Promise<number[]> {
  useTuning(gpuEngine(tf.backend()), tuning);
  const { trainer } = createPretraining({ ...config, epochs: 4 }, 1);
  const key = fold(seed(1), 'pixels');
  const batch = {
    patches: tf.tensor3d(normal(key, 4 * 16 * 16), [4, 16, 16]),
    plan: uploadPlan(randomMasking(key, { batch: 4, tokens: 16, ratio: 0.75 })),
  };
  const all: number[] = [];
  for (let step = 0; step < 4; step++) all.push((await trainer.step([batch])).loss);
  trainer.dispose();
  dispose(batch);
  return all;
}

describeOnBackend('tuning for training', 'webgpu', () => {
  afterEach(() => useTuning(gpuEngine(tf.backend()), undefined));

  it('finds the products of a step, gains by them or not, and the step stays the same', async () => {
    const before = tf.memory().numTensors;
    // As if narrow tiles were twice as fast: they differ from the usual ones for every product.
    const time = async (_kernel: string, choice: object, runs: number) =>
      JSON.stringify(choice).includes('"n":16') ? runs : 2 * runs;
    const { tuning, kernels, ended, step } = await tunePretraining(config, { time });
    expect(tf.memory().numTensors).toBe(before);
    expect(tuningInUse(gpuEngine(tf.backend()))).toBeUndefined();
    expect(ended).toBe('done');
    expect(kernels.length).toBe(Object.keys(tuning.measured).length);
    expect(kernels.filter(({ changed }) => changed).length).toBeGreaterThan(20);
    expect(kernels.every(({ wrong }) => wrong === 0)).toBe(true);
    expect(step!.ms).toBeGreaterThan(0);
    expect(step!.rounds).toBeGreaterThan(0);
    expect(step!.faster).toBeLessThanOrEqual(step!.rounds);
    const [usual, tuned] = [await losses(undefined), await losses(tuning)];
    for (const [at, loss] of tuned.entries()) expect(Math.abs(loss / usual[at]! - 1)).toBeLessThan(1e-5);
  });

  it('finds nothing where it is stopped at once', async () => {
    const interrupted = await tunePretraining(config, { signal: AbortSignal.abort() });
    expect(interrupted).toMatchObject({ ended: 'cancelled', kernels: [], tuning: { measured: {} } });
    expect(interrupted.step).toBeUndefined();
  });

  it('finds the products of a step of fine-tuning, all tokens in the encoder', async () => {
    const { imageSize, patchSize, channels, dim, depth, heads } = model;
    const classifier = { ...{ imageSize, patchSize, channels, dim, depth, heads }, classes: 3 };
    const before = tf.memory().numTensors;
    const time = async (_kernel: string, _choice: object, runs: number) => runs;
    const tuning = await tuneFinetuning(
      { ...finetuneDefaults({ ...classifier, mlpRatio: 4, pooling: 'mean' }), batch: 4 },
      { time },
    );
    expect(tf.memory().numTensors).toBe(before);
    expect(tuning.step).toBeUndefined();
    expect(tuning.kernels.map(({ name }) => name)).toContain('product 1x68x64x16 NT f32 f32 f32 bias gelu');
  });
});
