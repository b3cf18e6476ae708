import { dispose, type OpenOptions, openBackend } from '@maehem/backend';
import { NORMALISATIONS } from '@maehem/data';
import { initMae, smallMaePreset } from '@maehem/mae';
import { adamw, type Optimizer, pretrainGroups, sgd, warmupCosine } from '@maehem/optim';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { fold, normal, seed } from '@maehem/random';
import { describeOnBackend } from '@maehem/testing';
import { entries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { createPretrainer, type PretrainBatch, type Pretrainer, splitParams, uploadImages } from './index.js';

/**
 * The captured step as a graph of TensorFlow: 20 steps of a small model, with all that a run uses, against the
 * same steps on wasm.
 */
const key = fold(seed(3), 'tensorflow graph');
const model = smallMaePreset('small', {
  ...{ imageSize: [16, 16], dim: 24, depth: 2, heads: 3, decoderDim: 16, decoderDepth: 1, decoderHeads: 2 },
});
const [BATCH, TOKENS, VALUES, STEPS] = [4, 16, 48, 20];

type Form = 'numbers' | 'bytes';

function batchOf(step: number, form: Form): PretrainBatch {
  const at = fold(key, step);
  const noise = normal(fold(at, 'pixels'), BATCH * TOKENS * VALUES);
  const images =
    form === 'numbers'
      ? { patches: tf.tensor3d(noise, [BATCH, TOKENS, VALUES]) }
      : uploadImages(
          {
            images: Uint8Array.from(noise, (value) => Math.min(255, Math.max(0, 128 + 40 * value))),
            normalisation: NORMALISATIONS.imagenet,
          },
          model,
          BATCH,
        );
  return {
    ...images,
    plan: uploadPlan(randomMasking(fold(at, 'mask'), { batch: BATCH, tokens: TOKENS, ratio: 0.75 })),
  };
}

type MakeOptimizer = (treatments: ReturnType<typeof pretrainGroups>) => Optimizer;

const schedule = warmupCosine({ baseLr: 3e-3, minLr: 0, warmupSteps: 4, totalSteps: STEPS });
const withAdamw: MakeOptimizer = (treatments) => adamw({ schedule, treatments });
const withSgd: MakeOptimizer = (treatments) => sgd({ schedule, treatments });

function trainer(optimizer: MakeOptimizer, capture: boolean): Pretrainer {
  const params = initMae(key, model);
  const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
  return createPretrainer(
    {
      ...{ model, objective: { normPix: true }, optimizer: optimizer(treatments) },
      ...{ accumulate: 1, clipNorm: 0.5 },
    },
    { params, capture },
  );
}

interface Run {
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
  /** Tensors and buffers gained between the fifth and the last step. */
  readonly growth: number;
}

async function run(
  backend: 'wasm' | 'tensorflow',
  options: OpenOptions,
  optimizer: MakeOptimizer = withAdamw,
  capture = true,
  form: Form = 'numbers',
): Promise<Run> {
  await openBackend(backend, options);
  const training = trainer(optimizer, capture);
  const losses: number[] = [];
  const gradNorms: number[] = [];
  const counts: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const batch = batchOf(step, form);
    const result = await training.step([batch]);
    dispose(batch);
    losses.push(result.loss);
    gradNorms.push(result.gradNorm);
    counts.push(tf.memory().numTensors + tf.backend().numDataIds());
  }
  // Parameters that lived in the graph are readable, and outlive it.
  const kept = entries<tf.Tensor>(training.params()).map(([, tensor]) => tf.clone(tensor));
  training.dispose();
  for (const tensor of kept) expect((await tensor.data()).every(Number.isFinite)).toBe(true);
  tf.dispose(kept);
  return { losses, gradNorms, growth: counts.at(-1)! - counts[4]! };
}

/** XLA compiles for seconds, and for much longer on a busy machine. */
const timeout = 600_000;

describeOnBackend('captured as a graph', 'tensorflow', () => {
  it.each([
    [false, 'numbers'],
    [true, 'numbers'],
    [true, 'bytes'],
  ] as const)('XLA %s, images as %s: 20 steps as on wasm, memory flat', { timeout }, async (xla, form) => {
    const expected = await run('wasm', {}, withAdamw, true, form);
    const actual = await run('tensorflow', { xla }, withAdamw, true, form);
    for (let step = 0; step < STEPS; step++) {
      expect(actual.losses[step]! / expected.losses[step]!).toBeCloseTo(1, 4);
      expect(actual.gradNorms[step]! / expected.gradNorms[step]!).toBeCloseTo(1, 3);
    }
    expect(actual.growth).toBe(0);
  });

  it('is the eager run, for an optimizer without a form of its own in graphs too', async () => {
    const eager = await run('tensorflow', { xla: false }, withSgd, false);
    const captured = await run('tensorflow', { xla: false }, withSgd);
    for (let step = 0; step < STEPS; step++)
      expect(captured.losses[step]! / eager.losses[step]!).toBeCloseTo(1, 5);
  });

  it('bfloat16 products change the losses by less than a percent', async () => {
    const full = await run('tensorflow', {});
    const half = await run('tensorflow', { precision: 'bfloat16' });
    expect(half.losses).not.toEqual(full.losses);
    for (let step = 0; step < STEPS; step++)
      expect(Math.abs(half.losses[step]! / full.losses[step]! - 1)).toBeLessThan(0.01);
  });

  it('takes weights from elsewhere in the middle, and leaves a kept clone alone', async () => {
    await openBackend('tensorflow');
    const training = trainer(withAdamw, true);
    const batch = batchOf(0, 'numbers');
    const losses: number[] = [];
    for (let step = 0; step < 3; step++) losses.push((await training.step([batch])).loss);
    const [, tensor] = entries<tf.Tensor>(training.params()).find(([path]) => path.endsWith('fc1.weight'))!;
    const clone = tf.clone(tensor);
    const before = [...(await tf.clone(tensor).data())];
    await training.step([batch]);
    expect([...(await clone.data())]).toEqual(before);
    // Two trainers on one engine do not share their variables.
    const other = trainer(withAdamw, true);
    const again: number[] = [];
    for (let step = 0; step < 3; step++) again.push((await other.step([batch])).loss);
    expect(again).toEqual(losses);
    training.dispose();
    other.dispose();
    dispose(batch);
  });
});
