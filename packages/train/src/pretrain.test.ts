import type { BackendName } from '@maehem/backend';
import type { Mae, MaeConfig } from '@maehem/mae';
import { smallMaePreset } from '@maehem/mae';
import { fold, normal, seed } from '@maehem/random';
import { describeOnEveryBackend, expectNoLeak } from '@maehem/testing';
import { entries } from '@maehem/tree';
import type * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  createPretraining,
  DivergenceError,
  type ImageBatch,
  type PretrainConfig,
  pretrainDefaults,
} from './index.js';

const model: MaeConfig = smallMaePreset('small', {
  imageSize: [16, 16],
  dim: 24,
  depth: 2,
  heads: 2,
  decoderDim: 16,
  decoderDepth: 1,
});
const config: PretrainConfig = pretrainDefaults(model, {
  batch: 4,
  epochs: 5,
  seed: 3,
  optimizer: { ...pretrainDefaults(model).optimizer, baseLr: 0.2, warmupEpochs: 1 },
});

/** Four batches an epoch, a function of epoch and batch number alone. */
async function* images(epoch: number, start: number, batch = 4): AsyncGenerator<ImageBatch> {
  for (let b = start; b < 4; b++)
    yield { images: normal(fold(fold(seed(9), epoch % 2), b), batch * 16 * 16 * 3) };
}

async function lossesOf(
  run: ReturnType<typeof createPretraining>,
  limit = Number.POSITIVE_INFINITY,
): Promise<number[]> {
  const losses: number[] = [];
  for await (const report of run.steps(images)) {
    losses.push(report.loss);
    if (losses.length >= limit) break;
  }
  return losses;
}

async function weights(params: Mae): Promise<[path: string, number[]][]> {
  return Promise.all(
    entries<tf.Tensor>(params).map(async ([path, tensor]) => [path, [...(await tensor.data())]]),
  );
}

const trajectories = new Map<BackendName, number[]>();

describeOnEveryBackend('pretraining', (backend) => {
  it('lowers the loss, and captured steps equal eager ones', async () => {
    const captured = createPretraining(config, 4);
    const eager = createPretraining(config, 4, undefined, { capture: false });
    const losses = await lossesOf(captured);
    expect(losses.length).toBe(20);
    expect(losses[19]!).toBeLessThan(losses[0]! * 0.95);
    const eagerLosses = await lossesOf(eager);
    if (backend === 'tensorflow') {
      // A graph fuses ops, and rounds otherwise: packages/train/src/tensorflow-graph.test.ts.
      for (const [step, loss] of losses.entries()) expect(eagerLosses[step]! / loss).toBeCloseTo(1, 3);
    } else {
      expect(eagerLosses).toEqual(losses);
      expect(await weights(captured.trainer.params())).toEqual(await weights(eager.trainer.params()));
    }
    trajectories.set(backend, losses);
    captured.dispose();
    eager.dispose();
  });

  it('takes as many batches a step as it accumulates', async () => {
    const halves = createPretraining({ ...config, accumulate: 2, epochs: 1 }, 4);
    const losses: number[] = [];
    for await (const report of halves.steps(images)) losses.push(report.loss);
    expect(losses.length).toBe(2);
    expect(losses.every(Number.isFinite)).toBe(true);
    halves.dispose();
  });

  it('keeps tensor and buffer counts flat over 50 steps', async () => {
    const run = createPretraining({ ...config, epochs: 100 }, 4);
    const steps = run.steps(images);
    await expectNoLeak(async () => {
      await steps.next();
    }, 50);
    await steps.return();
    run.dispose();
  });

  it('stops when the loss is not a number', async () => {
    const run = createPretraining(config, 4);
    async function* poisoned(): AsyncGenerator<ImageBatch> {
      yield { images: new Float32Array(4 * 16 * 16 * 3).fill(Number.NaN) };
    }
    await expect(run.steps(poisoned).next()).rejects.toThrow(DivergenceError);
    run.dispose();
  });

  it('refuses batches of another size', async () => {
    const run = createPretraining(config, 4);
    await expect(run.steps((epoch, start) => images(epoch, start, 3)).next()).rejects.toThrow(
      'has 2304 values, expected 3072 (4 images of 16x16x3)',
    );
    run.dispose();
  });
});

describe('trajectories', () => {
  it('agree between backends', () => {
    const [first, ...others] = [...trajectories.values()];
    for (const other of others)
      for (const [step, loss] of other.entries()) expect(Math.abs(loss - first![step]!)).toBeLessThan(1e-3);
  });
});
