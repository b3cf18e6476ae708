import { gpuEngine } from '@maehem/backend';
import { byteLevels, type ModelImages, normalisedImages } from '@maehem/data';
import { initMae, type MaeConfig, smallMaePreset } from '@maehem/mae';
import { fold, seed, uniform } from '@maehem/random';
import { describeOnBackend, describeOnEveryBackend, expectNoLeak } from '@maehem/testing';
import { type ClassifierConfig, initClassifier } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it, vi } from 'vitest';
import {
  createFinetuning,
  createPretraining,
  evaluateClassifier,
  extractFeatures,
  finetuneDefaults,
  type ImageBatch,
  type PretrainConfig,
  pretrainDefaults,
} from './index.js';

const BATCHES = 3;
const BATCH = 2;
const normalisation = { mean: [0.48, 0.45, 0.4], std: [0.2, 0.3, 0.25] };

/** Small images: colours; and grey ones whose bytes are no whole number of words. */
const models: Record<string, MaeConfig> = {
  colours: smallMaePreset('small', sizes([8, 12], 3)),
  grey: { ...smallMaePreset('small', sizes([9, 9], 1)), patchSize: [3, 3] },
};

function sizes(imageSize: [number, number], channels: number) {
  const decoder = { decoderDim: 8, decoderDepth: 1, decoderHeads: 1 };
  return { imageSize, channels, dim: 12, depth: 1, heads: 1, ...decoder };
}

/** Random pictures of bytes. */
function bytesOf(model: MaeConfig, batch: number): ModelImages & { labels: Int32Array } {
  const [height, width] = model.imageSize;
  const count = BATCH * height * width * model.channels;
  const images = Uint8Array.from(uniform(fold(seed(4), batch), count), (value) => Math.floor(value * 256));
  const { mean, std } = normalisation;
  const own = { mean: mean.slice(0, model.channels), std: std.slice(0, model.channels) };
  return { images, normalisation: own, labels: Int32Array.of(batch, (batch + 1) % 3) };
}

/** The same pictures as numbers. */
function numbersOf(model: MaeConfig, batch: number): ImageBatch {
  const bytes = bytesOf(model, batch);
  return { images: normalisedImages(bytes, model.channels), labels: bytes.labels };
}

type Source = (model: MaeConfig, batch: number) => ImageBatch;

async function* epoch(model: MaeConfig, source: Source, start = 0): AsyncGenerator<ImageBatch> {
  for (let batch = start; batch < BATCHES; batch++) yield source(model, batch);
}

async function pretrain(config: PretrainConfig, source: Source, capture = true): Promise<number[]> {
  const run = createPretraining(config, BATCHES, undefined, { capture });
  const losses: number[] = [];
  for await (const { loss } of run.steps((_, start) => epoch(config.model, source, start))) losses.push(loss);
  run.dispose();
  return losses;
}

/** To the bit; a TensorFlow graph with another beginning may round otherwise. */
function expectSame(backend: string, losses: readonly number[], wanted: readonly number[]): void {
  expect(losses.length).toBe(wanted.length);
  if (backend !== 'tensorflow') expect(losses).toEqual(wanted);
  for (const [step, loss] of losses.entries()) expect(loss / wanted[step]!).toBeCloseTo(1, 5);
}

describeOnEveryBackend('images of bytes', (backend) => {
  describe.each(Object.entries(models))('%s', (_, model) => {
    it('train as the numbers that they stand for', async () => {
      const config = pretrainDefaults(model, { batch: BATCH, epochs: 2, seed: 1 });
      const wanted = await pretrain(config, numbersOf);
      expectSame(backend, await pretrain(config, bytesOf), wanted);
      expectSame(backend, await pretrain(config, bytesOf, false), wanted);
    });

    it('give the features of the numbers that they stand for', async () => {
      const params = initMae(seed(2), model);
      const features = (source: Source) => extractFeatures(params, model, epoch(model, source));
      const { values } = await features(numbersOf);
      expect((await features(bytesOf)).values).toEqual(values);
    });
  });

  const model = models['colours']!;
  const classifier: ClassifierConfig = { ...model, classes: 3, pooling: 'mean' };

  it('are fine-tuned on and classified as those', async () => {
    const plain = { mix: { mixup: 0, cutmix: 0 }, dropPath: 0 };
    for (const other of [plain, {}]) {
      const config = finetuneDefaults(classifier, { batch: BATCH, epochs: 2, ...other });
      const results: number[][] = [];
      for (const source of [numbersOf, bytesOf]) {
        const params = initClassifier(seed(3), classifier, 0.02);
        const run = createFinetuning(config, BATCHES, { params, stepIndex: 0 });
        const figures: number[] = [];
        for await (const { loss } of run.steps((_, start) => epoch(model, source, start))) figures.push(loss);
        figures.push((await evaluateClassifier(run.trainer.params(), classifier, epoch(model, source))).loss);
        run.dispose();
        results.push(figures);
      }
      expectSame(backend, results[1]!, results[0]!);
    }
  });

  it('leave no tensor and no buffer behind', async () => {
    const run = createPretraining(pretrainDefaults(model, { batch: BATCH, epochs: 20 }), BATCHES);
    const steps = run.steps((_, start) => epoch(model, bytesOf, start));
    await expectNoLeak(async () => {
      await steps.next();
    }, 20);
    await steps.return();
    run.dispose();
  });

  it('of another size are refused', async () => {
    const run = createPretraining(pretrainDefaults(model, { batch: BATCH, epochs: 1 }), BATCHES);
    async function* short(): AsyncGenerator<ImageBatch> {
      yield { images: new Uint8Array(288), normalisation };
    }
    await expect(run.steps(short).next()).rejects.toThrow('has 288 values, expected 576');
    run.dispose();
  });
});

describeOnBackend('images of bytes on a GPU', 'webgpu', () => {
  it('are what a replayed step uploads, and what they stand for', async () => {
    const model = models['colours']!;
    const { queue } = gpuEngine(tf.backend()).device;
    const run = createPretraining(pretrainDefaults(model, { batch: BATCH, epochs: 4 }), BATCHES);
    const steps = run.steps((_, start) => epoch(model, bytesOf, start));
    for (let step = 0; step < 4; step++) await steps.next();
    const writes = vi.spyOn(queue, 'writeBuffer');
    await steps.next();
    const sizes = writes.mock.calls.map(([, , data]) => (data as ArrayBufferView).byteLength);
    writes.mockRestore();
    const [height, width] = model.imageSize;
    expect(sizes.sort((a, b) => b - a).slice(0, 2)).toEqual([3 * 256 * 4, BATCH * height * width * 3]);
    expect(sizes.slice(2).every((size) => size < BATCH * height * width * 3)).toBe(true);
    await steps.return();
    run.dispose();
  });
});

it('every byte has its number', () => {
  const levels = byteLevels(normalisation, 3);
  expect(levels.length).toBe(768);
  expect(levels[512 + 51]).toBeCloseTo((0.2 - 0.4) / 0.25, 6);
});
