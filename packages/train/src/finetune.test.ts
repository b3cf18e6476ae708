import { dispose } from '@maehem/backend';
import { initMae, smallMaePreset } from '@maehem/mae';
import { fold, normal, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose, expectNoLeak } from '@maehem/testing';
import { entries } from '@maehem/tree';
import { type Classifier, type ClassifierConfig, classifierShapes, initClassifier } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  averagedParams,
  classifierFrom,
  createFinetuning,
  evaluateClassifier,
  type FinetuneConfig,
  type FinetuneRun,
  finetuneDefaults,
  type ImageBatch,
  isTuned,
  scratchDefaults,
} from './index.js';

const key = seed(7);
const BATCH = 4;
const PIXELS = 8 * 8;
const model: ClassifierConfig = {
  ...{ imageSize: [8, 8], patchSize: [4, 4], channels: 1, dim: 12, depth: 2, heads: 2, mlpRatio: 2 },
  ...{ classes: 3, pooling: 'mean' },
};
const base = finetuneDefaults(model);
const whole: FinetuneConfig = {
  ...base,
  ...{ batch: BATCH, epochs: 10, seed: 3, ema: 0.9 },
  optimizer: { ...base.optimizer, baseLr: 0.5, warmupEpochs: 1 },
};

/** Three batches an epoch; a class is a brightness. */
async function* images(
  epoch: number,
  start: number,
): AsyncGenerator<{ images: Float32Array; labels: Int32Array }> {
  for (let b = start; b < 3; b++) {
    const noise = normal(fold(fold(key, epoch % 3), b), BATCH * PIXELS);
    const labels = Int32Array.from({ length: BATCH }, (_, i) => (i + b) % 3);
    yield { labels, images: noise.map((value, i) => value * 0.3 + labels[Math.floor(i / PIXELS)]! - 1) };
  }
}

const fresh = (of: ClassifierConfig = model) => ({ params: classifierFrom(of, key), stepIndex: 0 });

async function train(run: FinetuneRun): Promise<number[]> {
  const losses: number[] = [];
  for await (const { loss } of run.steps(images)) losses.push(loss);
  return losses;
}

async function weights(params: Classifier): Promise<Map<string, number[]>> {
  const list: [string, number[]][] = [];
  for (const [path, tensor] of entries<tf.Tensor>(params)) list.push([path, [...(await tensor.data())]]);
  return new Map(list);
}

describeOnEveryBackend('fine-tuning', (backend) => {
  // An engine with a compiler of its own rounds the whole graph otherwise than one op after the other.
  const replaysTheSameKernels = backend === 'wasm' || backend === 'cpu';

  it('learns through mixing and dropped paths; captured steps equal eager ones', async () => {
    const epochs = replaysTheSameKernels ? 10 : 1;
    const config = { ...whole, epochs };
    const captured = createFinetuning(config, 3, fresh());
    const eager = createFinetuning(config, 3, fresh(), { capture: false });
    const losses = await train(captured);
    expect(losses.length).toBe(3 * epochs);
    const eagerLosses = await train(eager);
    if (replaysTheSameKernels) {
      expect(eagerLosses).toEqual(losses);
      expect(await weights(captured.trainer.params())).toEqual(await weights(eager.trainer.params()));
    } else await expectClose(eagerLosses, losses, 1e-4);
    const result = await evaluateClassifier(captured.trainer.params(), model, images(0, 0));
    expect(result).toMatchObject({ images: 3 * BATCH, top5: 1 });
    if (replaysTheSameKernels) {
      expect(result.accuracy).toBeGreaterThan(0.7);
      expect(result.loss).toBeLessThan(Math.log(3));
    }
    captured.dispose();
    eager.dispose();
  });

  it('keeps averaged weights beside those that train', async () => {
    const run = createFinetuning({ ...whole, epochs: 1 }, 3, fresh());
    await train(run);
    const averaged = await weights(averagedParams(run.trainer));
    const plain = await weights(run.trainer.params());
    const initial = fresh().params;
    const start = await weights(initial);
    dispose(initial);
    expect([...averaged.keys()]).toEqual([...plain.keys()]);
    const gap = (a: Map<string, number[]>, b: Map<string, number[]>) =>
      [...a].reduce(
        (sum, [path, values]) => sum + values.reduce((s, v, i) => s + (v - b.get(path)![i]!) ** 2, 0),
        0,
      );
    expect(gap(averaged, start)).toBeGreaterThan(0);
    expect(gap(averaged, start)).toBeLessThan(gap(plain, start));
    run.dispose();
  });

  it('of half a block moves its MLP, the norm and the head, and nothing else', async () => {
    const run = createFinetuning({ ...whole, tunedBlocks: 0.5, epochs: 1, ema: null }, 3, fresh());
    const before = await weights(run.trainer.params());
    await train(run);
    const after = await weights(run.trainer.params());
    const moved = [...after].filter(([path, values]) =>
      values.some((value, i) => value !== before.get(path)![i]),
    );
    expect(moved.map(([path]) => path)).toEqual([
      ...[
        'norm2.weight',
        'norm2.bias',
        'mlp.fc1.weight',
        'mlp.fc1.bias',
        'mlp.fc2.weight',
        'mlp.fc2.bias',
      ].map((path) => `blocks.1.${path}`),
      ...['fc_norm.weight', 'fc_norm.bias', 'head.weight', 'head.bias'],
    ]);
    run.dispose();
  });

  it('keeps tensor and buffer counts flat', async () => {
    const run = createFinetuning({ ...whole, epochs: 100 }, 3, fresh());
    const steps = run.steps(images);
    await expectNoLeak(
      async () => {
        await steps.next();
      },
      replaysTheSameKernels ? 20 : 3,
    );
    await steps.return();
    run.dispose();
  });
});

describeOnEveryBackend('a classifier on a pretrained encoder', () => {
  const mae = smallMaePreset('small', { ...model, decoderDim: 8, decoderDepth: 1, decoderHeads: 1 });

  it.each(['mean', 'class'] as const)(
    'with %s pooling has its weights and a head near zero',
    async (pooling) => {
      const before = tf.memory().numTensors;
      const encoder = initMae(fold(key, 'mae'), mae);
      const params = classifierFrom({ ...model, pooling }, key, encoder);
      const shapes = entries<tf.Tensor>(params).map(([path, { shape }]) => [path, { shape }] as const);
      expect(Object.fromEntries(shapes)).toEqual(classifierShapes({ ...model, pooling }));
      const source = new Map(entries<tf.Tensor>(encoder));
      for (const [path, values] of await weights(params))
        if (path.startsWith('blocks') || path === 'cls_token')
          expect(values).toEqual([...(await source.get(path)!.data())]);
      const head = await params.head.weight.data();
      expect(Math.max(...head.map(Math.abs))).toBeLessThan(1e-4);
      dispose(params);
      dispose(encoder);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it('is refused where it does not fit', () => {
    const encoder = initMae(key, mae);
    expect(() => classifierFrom({ ...model, depth: 3 }, key, encoder)).toThrow(
      "encoder's blocks is [2], the classifier's [3]",
    );
    expect(() => classifierFrom({ ...model, imageSize: [8, 12] }, key, encoder)).toThrow(
      "pos_embed is [1,5,12], the classifier's [1,7,12]",
    );
    dispose(encoder);
  });
});

describeOnEveryBackend('shapes', () => {
  it('a classifier has those that are told', () => {
    for (const pooling of ['mean', 'class'] as const) {
      const params = initClassifier(key, { ...model, pooling });
      const shapes = entries<tf.Tensor>(params).map(([path, { shape }]) => [path, { shape }] as const);
      expect(shapes).toEqual(Object.entries(classifierShapes({ ...model, pooling })));
      dispose(params);
    }
  });
});

describe('bad input', () => {
  it('is named', async () => {
    const run = createFinetuning(whole, 3, fresh());
    async function* unlabelled(): AsyncGenerator<ImageBatch> {
      yield { images: new Float32Array(BATCH * PIXELS) };
    }
    async function* strange(): AsyncGenerator<ImageBatch> {
      yield { images: new Float32Array(BATCH * PIXELS), labels: Int32Array.of(0, 1, 2, 3) };
    }
    await expect(run.steps(unlabelled).next()).rejects.toThrow('images without labels');
    await expect(run.steps(strange).next()).rejects.toThrow('label 3 of sample 3 is not one of 3 classes');
    run.dispose();
    for (const blocks of [-1, 0.25, 2.5])
      expect(() => isTuned(blocks, 2)).toThrow(
        `whole or half number from 0 to 2, the encoder's depth, got ${blocks}`,
      );
  });
});

describe('recipes', () => {
  it("have the paper's figures (tables 9 and 11)", () => {
    expect(base).toMatchObject({
      ...{ dropPath: 0.1, labelSmoothing: 0.1, mix: { mixup: 0.8, cutmix: 1 }, epochs: 100, ema: null },
      optimizer: {
        ...{ baseLr: 1e-3, minLr: 1e-6, warmupEpochs: 5, weightDecay: 0.05, layerDecay: 0.75 },
        ...{ beta1: 0.9, beta2: 0.999, clipNorm: null },
      },
    });
    expect(scratchDefaults(model)).toMatchObject({
      ...{ ema: 0.9999, epochs: 300 },
      optimizer: { baseLr: 1e-4, warmupEpochs: 20, weightDecay: 0.3, layerDecay: 1, beta1: 0.9, beta2: 0.95 },
    });
  });

  it('of partial tuning tell what trains', () => {
    const tuned = (blocks: number | null, depth = 4) =>
      [
        ...['cls_token', 'patch_embed.proj.bias', 'blocks.1.attn.qkv.weight', 'blocks.2.attn.qkv.weight'],
        ...['blocks.2.mlp.fc1.weight', 'blocks.3.norm1.bias', 'head.weight', 'norm.weight'],
      ].filter((path) => isTuned(blocks, depth)(path, undefined as never)).length;
    expect([0, 0.5, 1, 1.5, 2, 3, 4, null].map((blocks) => tuned(blocks))).toEqual([2, 2, 3, 4, 5, 6, 8, 8]);
  });
});
