import { dispose } from '@maehem/backend';
import { encodeAll, initMae, smallMaePreset } from '@maehem/mae';
import { patchify } from '@maehem/patches';
import { fold, normal, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { extractFeatures, type ImageBatch, poolFeatures } from './index.js';

const key = fold(seed(1), 'features');
const model = smallMaePreset('small', {
  imageSize: [8, 16],
  patchSize: [4, 4],
  channels: 1,
  dim: 8,
  depth: 1,
  heads: 2,
});
const PIXELS = 8 * 16;
const COUNT = 5;
const images = normal(fold(key, 'images'), COUNT * PIXELS);
const labels = Int32Array.of(3, 1, 4, 1, 5);

const initial = () => initMae(fold(key, 'init'), model);

/** The images in batches of these sizes. */
function* batchesOf(...sizes: number[]): Generator<{ images: Float32Array; labels: Int32Array }> {
  let at = 0;
  for (const size of sizes) {
    yield {
      images: images.slice(at * PIXELS, (at + size) * PIXELS),
      labels: labels.slice(at, at + size),
    };
    at += size;
  }
}

describeOnEveryBackend('features', () => {
  it('are the class token, or the mean over patch tokens without it', async () => {
    const before = tf.memory().numTensors;
    const params = initial();
    const pixels = tf.tensor4d(images, [COUNT, 8, 16, 1]);
    const made = tf.tidy(() => {
      const patches = patchify(pixels, [4, 4]);
      return {
        ...encodeAll(params, patches, { heads: 2 }),
        pooled: poolFeatures(params, model, patches, 'class'),
        averaged: poolFeatures(params, model, patches, 'mean'),
      };
    });
    await expectClose(made.pooled, made.classToken, 1e-6);
    const values = await made.tokens.data();
    const mean = Float32Array.from({ length: COUNT * 8 }, (_, i) => {
      let sum = 0;
      for (let token = 0; token < 8; token++) sum += values[(Math.floor(i / 8) * 8 + token) * 8 + (i % 8)]!;
      return sum / 8;
    });
    await expectClose(made.averaged, mean, 1e-6);
    dispose(made);
    pixels.dispose();
    dispose(params);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('do not depend on the batches, come in order, and leave no tensor', async () => {
    const params = initial();
    const before = tf.memory().numTensors;
    const whole = await extractFeatures(params, model, batchesOf(5));
    expect([whole.length, whole.dim, whole.values.length]).toEqual([5, 8, 40]);
    expect(whole.labels).toEqual(labels);
    const split = await extractFeatures(params, model, batchesOf(2, 2, 1), 'mean');
    expect(split.labels).toEqual(labels);
    await expectClose(split.values, whole.values, 1e-6);
    expect(tf.memory().numTensors).toBe(before);
    dispose(params);
  });

  it('have labels only where every batch has', async () => {
    const params = initial();
    async function* partly(): AsyncGenerator<ImageBatch> {
      for (const [index, batch] of [...batchesOf(3, 2)].entries())
        yield index === 0 ? batch : { images: batch.images };
    }
    const features = await extractFeatures(params, model, partly());
    expect(features.length).toBe(5);
    expect('labels' in features).toBe(false);
    dispose(params);
  });

  it('of nothing are nothing, and half an image is refused', async () => {
    const params = initial();
    expect((await extractFeatures(params, model, [])).length).toBe(0);
    const half: ImageBatch = { images: images.slice(0, PIXELS * 1.5) };
    await expect(extractFeatures(params, model, [half])).rejects.toThrow(
      'a batch of 192 values is not a whole number of images of 8x16x1',
    );
    dispose(params);
  });
});
