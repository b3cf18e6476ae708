import { dispose, openBackend } from '@maehem/backend';
import { initMae, smallMaePreset } from '@maehem/mae';
import { adamw, pretrainGroups, warmupCosine } from '@maehem/optim';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { fold, normal, seed } from '@maehem/random';
import { describeOnBackend, describeOnEveryBackend } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { createPretrainer, type PretrainBatch, type Pretrainer, splitParams } from './index.js';

/** Deep and narrow: what is kept from block to block is most of what a step takes. */
const model = smallMaePreset('small', {
  ...{ imageSize: [16, 16], dim: 16, depth: 6, heads: 2, decoderDim: 16, decoderDepth: 2, decoderHeads: 2 },
});
const key = fold(seed(5), 'recompute');
const [BATCH, TOKENS, VALUES, STEPS] = [4, 16, 48, 3];

function batchOf(step: number, batch = BATCH): PretrainBatch {
  const at = fold(key, step);
  return {
    patches: tf.tensor3d(normal(fold(at, 'pixels'), batch * TOKENS * VALUES), [batch, TOKENS, VALUES]),
    plan: uploadPlan(randomMasking(fold(at, 'mask'), { batch, tokens: TOKENS, ratio: 0.75 })),
  };
}

function trainer(recompute: number, capture = true): Pretrainer {
  const params = initMae(key, model);
  const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
  const schedule = warmupCosine({ baseLr: 3e-3, minLr: 0, warmupSteps: 1, totalSteps: STEPS });
  const optimizer = adamw({ schedule, treatments });
  const objective = { normPix: true };
  return createPretrainer(
    { model, objective, optimizer, accumulate: 1, clipNorm: null, recompute },
    { params, capture },
  );
}

async function losses(training: Pretrainer): Promise<number[]> {
  const all: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const batch = batchOf(step);
    all.push((await training.step([batch])).loss);
    dispose(batch);
  }
  return all;
}

describeOnEveryBackend('blocks computed twice', (backend) => {
  // XLA compiles a step for minutes on a busy machine; the graph that it would compile is the same.
  beforeAll(async () => void (await openBackend(backend, backend === 'tensorflow' ? { xla: false } : {})));

  it.each([true, false])('train as those that are kept, captured %s', async (capture) => {
    const [kept, again] = [trainer(0, capture), trainer(1, capture)];
    const expected = await losses(kept);
    const actual = await losses(again);
    // A graph is optimised as a whole: with other ops in it, sums round otherwise.
    if (backend === 'tensorflow' && capture)
      for (const [step, loss] of actual.entries()) expect(loss / expected[step]!).toBeCloseTo(1, 5);
    else expect(actual).toEqual(expected);
    kept.dispose();
    again.dispose();
  });
});

/** The most that tensors take at any time in a step that runs op by op. */
async function peakBytes(recompute: number): Promise<number> {
  const training = trainer(recompute, false);
  const batch = batchOf(0, 64);
  const before = tf.memory().numBytes;
  const { peakBytes } = await tf.profile(() => training.step([batch]) as never);
  training.dispose();
  dispose(batch);
  return peakBytes - before;
}

describeOnBackend('memory of blocks computed twice', 'wasm', () => {
  it('is that of one block, and of the inputs of the others', async () => {
    const kept = await peakBytes(0);
    expect((await peakBytes(1)) / kept).toBeLessThan(0.5);
    expect((await peakBytes(2)) / kept).toBeLessThan(0.75);
  });
});

/** Bytes of the GPU's buffers that are in use: once a step is recorded, its own among them. */
async function recordedBytes(recompute: number): Promise<number> {
  const { bufferManager } = tf.backend() as unknown as { bufferManager: { numBytesUsed: number } };
  const before = bufferManager.numBytesUsed;
  const training = trainer(recompute);
  await losses(training);
  const used = bufferManager.numBytesUsed - before;
  training.dispose();
  return used;
}

describeOnBackend('buffers of blocks computed twice', 'webgpu', () => {
  it('are fewer once the step is recorded', async () => {
    const kept = await recordedBytes(0);
    expect((await recordedBytes(1)) / kept).toBeLessThan(0.8);
  });
});
