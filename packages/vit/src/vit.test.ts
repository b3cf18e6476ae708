import { parameterCount, valueAndGrad } from '@maehem/backend';
import { softmaxCrossEntropy } from '@maehem/kernels';
import { patchify } from '@maehem/patches';
import { fold, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  type BlockShape,
  block,
  type Classifier,
  type ClassifierConfig,
  classify,
  dropPathFactors,
  encoderFlops,
  encoderParameters,
  initBlock,
  initClassifier,
  initPatchEmbed,
  patchEmbed,
  transformer,
  vitPreset,
} from './index.js';

const key = fold(seed(1), 'vit');
const config: ClassifierConfig = {
  ...{ imageSize: [8, 16], patchSize: [4, 4], channels: 3, dim: 24, depth: 2, heads: 3, mlpRatio: 4 },
  ...{ classes: 5, pooling: 'mean' },
};

describe('presets', () => {
  it.each([
    ['vit-ti', 5_486_592],
    ['vit-s', 21_590_016],
    ['vit-b', 85_647_360],
    ['vit-l', 303_099_904],
    ['vit-h', 630_435_840],
  ] as const)('%s has %d trainable encoder parameters', (preset, count) => {
    expect(encoderParameters(vitPreset(preset))).toBe(count);
  });

  it('ViT-B/16 takes 17.6 GMAC on a whole image, 35 GFLOP', () => {
    expect(encoderFlops(vitPreset('vit-b')) / 2e9).toBeCloseTo(17.56, 1);
  });
});

describe('drop path', () => {
  it('drops nothing at the first block, and the asked share at the last', () => {
    const factors = dropPathFactors(key, { depth: 3, batch: 2000, rate: 0.4 });
    const share = (branch: number) =>
      factors.subarray(branch * 2000, (branch + 1) * 2000).filter((f) => f === 0).length / 2000;
    expect([share(0), share(1)]).toEqual([0, 0]);
    expect(share(3)).toBeCloseTo(0.2, 1);
    expect(share(5)).toBeCloseTo(0.4, 1);
    expect(Math.max(...factors)).toBeCloseTo(1 / 0.6, 5);
    expect(() => dropPathFactors(key, { depth: 3, batch: 1, rate: 1 })).toThrow('got 1');
  });
});

describeOnEveryBackend('vit', () => {
  it('patch embedding is a convolution of stride = kernel size', async () => {
    const images = randomTensor<tf.Tensor4D>(fold(key, 'images'), [2, 8, 16, 3]);
    const params = initPatchEmbed(key, [4, 4], 3, 8);
    // tfjs keeps filters as [height, width, in, out].
    const filter = tf.transpose(params.proj.weight, [2, 3, 1, 0]) as tf.Tensor4D;
    const expected = tf.conv2d(images, filter, 4, 'valid');
    await expectClose(patchEmbed(params, patchify(images, [4, 4])), expected, 1e-4);
  });

  it('a dropped block passes its input through, sample by sample', async () => {
    const params = initBlock(key, 12);
    const x = randomTensor<tf.Tensor3D>(fold(key, 'x'), [2, 5, 12]);
    const factors = tf.tensor2d([0, 1, 0, 1], [2, 2]);
    const y = block(params, x, { heads: 3 }, { factors, block: 0 });
    const plain = block(params, x, { heads: 3 });
    await expectClose(tf.slice(y, [0, 0, 0], [1, 5, 12]), tf.slice(x, [0, 0, 0], [1, 5, 12]), 0);
    await expectClose(tf.slice(y, [1, 0, 0], [1, 5, 12]), tf.slice(plain, [1, 0, 0], [1, 5, 12]), 1e-6);
  });

  it.each([
    ['all', 1],
    ['every second one', 2],
  ])(
    'recomputed blocks (%s) give the same value and gradients, with drop path too',
    async (_name, recompute) => {
      const model = { ...config, depth: 3 };
      const params = initClassifier(key, model);
      const patches = randomTensor<tf.Tensor3D>(fold(key, 'patches'), [2, 8, 48]);
      const targets = tf.tensor2d([1, 0, 0, 0, 0, 0, 1, 0, 0, 0], [2, 5]);
      const factors = tf.tensor2d(dropPathFactors(key, { depth: 3, batch: 2, rate: 0.5 }), [6, 2]);
      const run = (shape: BlockShape) =>
        valueAndGrad(
          (p: Classifier) => softmaxCrossEntropy(classify(p, patches, shape, factors), targets),
          params,
        );
      const kept = run(model);
      const again = run({ ...model, recompute });
      expect(await again.value.data()).toEqual(await kept.value.data());
      expect(Object.keys(again.grads)).toEqual(Object.keys(kept.grads));
      for (const [path, grad] of Object.entries(kept.grads))
        expect(await again.grads[path]!.data(), path).toEqual(await grad.data());
    },
  );

  it('refuses to recompute a part of a block', () => {
    const params = initBlock(key, 12);
    const x = randomTensor<tf.Tensor3D>(fold(key, 'x'), [2, 5, 12]);
    expect(() => transformer([params], x, { heads: 3, recompute: 0.5 })).toThrow('got 0.5');
  });

  it.each(['mean', 'class'] as const)(
    '%s pooling: every parameter gets a gradient, with drop path too',
    async (pooling) => {
      const params = initClassifier(key, { ...config, pooling });
      const patches = randomTensor<tf.Tensor3D>(fold(key, 'patches'), [4, 8, 48]);
      const targets = tf.tensor2d([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 1], [4, 5]);
      const factors = tf.tensor2d(dropPathFactors(key, { depth: 2, batch: 4, rate: 0.2 }), [4, 4]);
      const { value, grads } = valueAndGrad(
        (p: Classifier) => softmaxCrossEntropy(classify(p, patches, config, factors), targets),
        params,
      );
      expect((await value.data())[0]).toBeCloseTo(Math.log(5), 0);
      expect(Object.keys(grads).length).toBe(4 + 2 * 12 + 2 + 2);
      expect(Object.values(grads).reduce((sum, grad) => sum + grad.size, 0)).toBe(parameterCount(params));
    },
  );
});
