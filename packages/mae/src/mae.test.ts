import { dispose, parameterCount, valueAndGrad } from '@maehem/backend';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { fold, seed } from '@maehem/random';
import { describeOnEveryBackend, expectClose, randomTensor } from '@maehem/testing';
import { entries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  assertMaeConfig,
  encode,
  encodeAll,
  encoderAttention,
  initMae,
  isDecoder,
  isTrainable,
  type Mae,
  type MaeConfig,
  maeFlops,
  maeLoss,
  maeParameters,
  maePreset,
  maeShapes,
  reconstruct,
  smallMaePreset,
} from './index.js';

const key = fold(seed(1), 'mae');
/** Not square, grey, one decoder block. */
const config: MaeConfig = smallMaePreset('small', {
  ...{ imageSize: [8, 16], patchSize: [4, 2], channels: 1, dim: 24, depth: 2, heads: 2 },
  ...{ decoderDim: 16, decoderDepth: 1, decoderHeads: 2 },
});
const TOKENS = 16;

describe('parameter counts', () => {
  // From the reference implementation, with the paper's decoder.
  it.each([
    ['vit-b', 111_907_840, 111_655_680, 85_647_360],
    ['vit-l', 329_541_888, 329_239_296, undefined],
    ['vit-h', 657_074_508, 656_613_964, undefined],
  ] as const)('%s', (preset, total, trainable, encoder) => {
    const counted = maeParameters(maePreset(preset));
    expect(counted.total).toBe(total);
    expect(counted.trainable).toBe(trainable);
    if (encoder !== undefined) expect(counted.encoder).toBe(encoder);
    const shapes = maeShapes(maePreset(preset));
    const sum = Object.values(shapes).reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
    expect(sum).toBe(total);
  });

  it('decoder costs less than a tenth of ViT-L per token, as the paper has it', () => {
    const { encoder, decoder } = maeFlops(maePreset('vit-l'), 196);
    expect(decoder / encoder).toBeLessThan(0.1);
    expect(maeFlops(maePreset('vit-l'), 49).encoder / encoder).toBeLessThan(0.26);
  });
});

describe('configuration', () => {
  it.each([
    [{ heads: 5 }, 'width 24 does not divide into 5 heads'],
    [{ decoderHeads: 3 }, 'decoder width 16 does not divide into 3 heads'],
    [
      { imageSize: [9, 16] as const },
      'image 9x16 (height x width) does not divide into patches of 4x2; use a height of 8 or 12 and a width of 16',
    ],
    [{ depth: 0 }, 'depth must be a positive whole number, got 0'],
    [{ decoderDepth: 1.5 }, 'decoderDepth must be a positive whole number, got 1.5'],
    [{ dim: 26 }, 'multiple of 4'],
  ])('%j is refused', (change, message) => {
    expect(() => assertMaeConfig({ ...config, ...change })).toThrow(message);
  });
});

describeOnEveryBackend('masked autoencoder', () => {
  const plan = () => uploadPlan(randomMasking(fold(key, 'mask'), { batch: 3, tokens: TOKENS, ratio: 0.75 }));
  const patches = () => randomTensor<tf.Tensor3D>(fold(key, 'patches'), [3, TOKENS, 8]);

  it.each([
    ['as in the paper', {}],
    ['mask tokens in the encoder', { encoderMaskTokens: true }],
    ['deeper decoder', { decoderDepth: 3 }],
  ])('%s: shapes, names, and a gradient for every trainable parameter', async (_name, change) => {
    const model = { ...config, ...change };
    const params = initMae(key, model);
    const shapes = Object.fromEntries(
      entries<tf.Tensor>(params).map(([path, { shape }]) => [path, { shape }]),
    );
    expect(Object.entries(shapes)).toEqual(Object.entries(maeShapes(model)));
    expect(parameterCount(params)).toBe(maeParameters(model).total);
    expect(reconstruct(params, model, patches(), plan()).shape).toEqual([3, TOKENS, 8]);
    const { value, grads } = valueAndGrad(
      (p: Mae) => maeLoss(p, model, patches(), plan(), { normPix: true }),
      params,
      isTrainable,
    );
    expect((await value.data())[0]).toBeGreaterThan(0.5);
    expect(Object.keys(grads)).toEqual(Object.keys(shapes).filter((path) => !path.includes('pos_embed')));
    for (const grad of Object.values(grads)) expect((await grad.data()).some((x) => x !== 0)).toBe(true);
  });

  it('does not look at hidden patches', async () => {
    const params = initMae(key, config);
    const ids = plan();
    const hidden = tf.reshape(ids.mask, [3, TOKENS, 1]);
    const scrambled = tf.add(patches(), tf.mul(hidden, 100)) as tf.Tensor3D;
    await expectClose(encode(params, scrambled, config, ids), encode(params, patches(), config, ids), 0);
  });

  it('encodes visible tokens alike in any order of the plan', async () => {
    const params = initMae(key, config);
    const all = uploadPlan(randomMasking(key, { batch: 3, tokens: TOKENS, ratio: 0 }));
    const straight = encodeAll(params, patches(), config);
    const shuffled = encode(params, patches(), config, all);
    await expectClose(tf.slice(shuffled, [0, 0, 0], [3, 1, -1]), straight.classToken, 1e-4);
  });

  it('tells where each head of a block looks', async () => {
    const params = initMae(key, config);
    const maps = encoderAttention(params, patches(), config, 1);
    expect(maps.shape).toEqual([3, 2, 1 + TOKENS, 1 + TOKENS]);
    await expectClose(tf.sum(maps, 3), tf.ones([3, 2, 1 + TOKENS]), 1e-5);
    expect(() => encoderAttention(params, patches(), config, 2)).toThrow('the encoder has no block 2');
  });

  it('takes the norm epsilon from the configuration, all the way down', async () => {
    const params = initMae(key, config);
    const under = (normEps: number) => reconstruct(params, { ...config, normEps }, patches(), plan()).data();
    await expectClose(await under(1e-6), reconstruct(params, config, patches(), plan()), 0);
    expect(await under(0.5)).not.toEqual(await under(1e-6));
  });

  it('scores visible patches only when asked to', async () => {
    const params = initMae(key, config);
    const loss = (lossOnAllPatches: boolean) =>
      maeLoss(params, config, patches(), plan(), { normPix: true, lossOnAllPatches }).data();
    expect(await loss(true)).not.toEqual(await loss(false));
  });

  it('tells the decoder from the encoder', () => {
    const params = initMae(key, config);
    const roots = new Set(
      entries<tf.Tensor>(params).flatMap(([path]) => (isDecoder(path) ? [path.split('.')[0]] : [])),
    );
    expect([...roots]).toEqual(
      'decoder_embed mask_token decoder_pos_embed decoder_blocks decoder_norm decoder_pred'.split(' '),
    );
    dispose(params);
  });
});
