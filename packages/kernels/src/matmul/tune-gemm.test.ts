import { gpuEngine } from '@maehem/backend';
import { fold, seed } from '@maehem/random';
import { describeOnBackend, expectClose, randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { linear } from '../linear/linear.js';
import { DIRECT_TILES, type GemmChoice } from './gemm-tiles.js';
import { parseGemmTuning, useGemmTuning } from './gemm-tuning.js';
import { type TunedProduct, tuneGemm } from './tune-gemm.js';

const key = fold(seed(1), 'tune-gemm');

describeOnBackend('tuning of products', 'webgpu', () => {
  const x = () => randomTensor(fold(key, 'x'), [5, 12]);
  const layer = () => ({
    weight: randomTensor<tf.Tensor2D>(fold(key, 'weight'), [8, 12]),
    bias: randomTensor<tf.Tensor1D>(fold(key, 'bias'), [8]),
  });
  const product = '1x5x8x12 NT f32 f32 f32 bias';
  const choices = (): GemmChoice[] => DIRECT_TILES.map((tile) => ({ tile, splits: 1, depth: 12 }));

  it('measures each product that the work does once, and keeps nothing', async () => {
    const gpu = gpuEngine(tf.backend());
    const found: TunedProduct[] = [];
    const before = tf.memory().numTensors;
    const work = async () => {
      for (let i = 0; i < 2; i++) tf.tidy(() => void linear(layer(), x()));
    };
    const tuning = await tuneGemm(gpu, work, (one) => found.push(one), choices);
    expect(tf.memory().numTensors).toBe(before);
    expect(found.map(({ name, wrong }) => [name, wrong])).toEqual([[product, 0]]);
    expect(Object.keys(tuning)).toEqual([product]);
    expect(choices()).toContainEqual(tuning[product]);
  });

  it('is used until there is another, and changes no result', async () => {
    const gpu = gpuEngine(tf.backend());
    const plain = linear(layer(), x());
    useGemmTuning(gpu, parseGemmTuning(JSON.stringify({ [product]: choices()[1] }), 'tuning.json'));
    await expectClose(linear(layer(), x()), plain, 1e-6);
    useGemmTuning(gpu, {});
  });
});

describe('parseGemmTuning', () => {
  it.each([
    ['{', 'tuning.json is not JSON; delete it, or tune again'],
    ['{"1x5": {"tile": {"m": 3}, "splits": 1, "depth": 12}}', 'tuning.json: 1x5 has {"tile":{"m":3}'],
    ['{"1x5": null}', 'tuning.json: 1x5 has null, which is none of our tiles'],
  ])('%s', (text, message) => {
    expect(() => parseGemmTuning(text, 'tuning.json')).toThrow(message);
  });
});
