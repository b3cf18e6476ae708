import { gpuEngine } from '@maehem/backend';
import { fold, seed } from '@maehem/random';
import {
  describeInHalfPrecision,
  describeOnBackend,
  difference,
  expectClose,
  gradientsOf,
  loadTfjsGradients,
  randomTensor,
} from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { halve } from '../half/half.js';
import { readHalves } from '../half/read-halves.js';
import type { GpuTraits } from '../webgpu/gpu-traits.js';
import { type FlashTile, flashForwardWgsl, flashWorkgroupBytes } from './flash-attention.wgsl.js';
import { chooseFlashTile, FLASH_TILES } from './flash-tiles.js';
import { attentionReference } from './reference.js';
import { attentionBackwardWebGpu, attentionForwardWebGpu } from './webgpu.js';

const key = fold(seed(1), 'flash attention');

beforeAll(loadTfjsGradients);

/** A software adapter takes long to compile wide heads, the longer the more it shares its cores. */
const COMPILING = 600_000;

type Size = { batch: number; tokens: number; heads: number; dim: number };

/** Both passes with this tile, on halves and from a gradient of halves, against tfjs's autodiff in single precision. */
async function checkHalves({ batch, tokens, heads, dim }: Size, tile: FlashTile): Promise<void> {
  const gpu = gpuEngine(tf.backend());
  const qkv = randomTensor<tf.Tensor3D>(fold(key, 'qkv'), [batch, tokens, 3 * heads * dim], 2);
  const dy = randomTensor<tf.Tensor3D>(fold(key, 'dy'), [batch, tokens, heads * dim]);
  const [halfQkv, halfDy] = halve(gpu, [qkv, dy]) as [tf.TensorInfo, tf.TensorInfo];
  const [out, softmax] = attentionForwardWebGpu({ qkv: halfQkv }, { heads }, gpu, tile) as [
    tf.TensorInfo,
    tf.TensorInfo,
  ];
  const [dqkv] = attentionBackwardWebGpu({ dy: halfDy, qkv: halfQkv, out, softmax }, { heads }, gpu, tile);
  const read = async (info: tf.TensorInfo) =>
    readHalves(await tf.engine().makeTensorFromTensorInfo(info).data());
  const reference = gradientsOf((x) => attentionReference(x as tf.Tensor3D, heads), [qkv], dy);
  expect(difference(await read(out), await reference.value.data()).relative).toBeLessThan(4e-3);
  expect(difference(await read(dqkv!), await reference.grads[0]!.data()).relative).toBeLessThan(8e-3);
}

/** Both passes with this tile against tfjs's autodiff, on values that reach into the softmax's tails. */
async function check({ batch, tokens, heads, dim }: Size, tile: FlashTile): Promise<void> {
  const gpu = gpuEngine(tf.backend());
  const qkv = randomTensor<tf.Tensor3D>(fold(key, 'qkv'), [batch, tokens, 3 * heads * dim], 2);
  const dy = randomTensor<tf.Tensor3D>(fold(key, 'dy'), [batch, tokens, heads * dim]);
  const asTensor = (info: tf.TensorInfo) => tf.engine().makeTensorFromTensorInfo(info);
  const forward = attentionForwardWebGpu({ qkv }, { heads }, gpu, tile);
  const [out, softmax] = forward.map(asTensor) as [tf.Tensor3D, tf.Tensor];
  const backward = attentionBackwardWebGpu({ dy, qkv, out, softmax }, { heads }, gpu, tile);
  const [dqkv] = backward.map(asTensor) as [tf.Tensor];
  const again = attentionBackwardWebGpu({ dy, qkv, out, softmax }, { heads }, gpu, tile).map(asTensor);
  const reference = gradientsOf((x) => attentionReference(x as tf.Tensor3D, heads), [qkv], dy);
  await expectClose(out, reference.value, 2e-5, 'out');
  await expectClose(dqkv, reference.grads[0]!, 5e-5, 'dqkv');
  expect(await again[0]!.data(), 'the same bits in every run').toEqual(await dqkv.data());
}

describeOnBackend('flash attention', 'webgpu', () => {
  const narrow = FLASH_TILES[3]!;
  const wide = FLASH_TILES[2]!;

  it.each<[string, Size, FlashTile]>([
    ['32 x 32', { batch: 1, tokens: 37, heads: 1, dim: 16 }, FLASH_TILES[0]!],
    ['16 x 32', { batch: 1, tokens: 17, heads: 2, dim: 32 }, FLASH_TILES[1]!],
    ['heads of 64', { batch: 1, tokens: 33, heads: 2, dim: 64 }, wide],
    ['heads of 80', { batch: 1, tokens: 9, heads: 1, dim: 80 }, wide],
    ['heads of 128', { batch: 1, tokens: 9, heads: 1, dim: 128 }, wide],
    ['heads of 12', { batch: 2, tokens: 33, heads: 1, dim: 12 }, narrow],
    ['heads of no whole vec4', { batch: 2, tokens: 17, heads: 3, dim: 5 }, narrow],
    ['one token', { batch: 2, tokens: 1, heads: 2, dim: 8 }, narrow],
  ])('%s', (_name, size, tile) => check(size, tile), COMPILING);
});

describeInHalfPrecision('flash attention in half precision', () => {
  it.each<[string, Size, FlashTile]>([
    ['8 x 8', { batch: 2, tokens: 17, heads: 2, dim: 8 }, FLASH_TILES[3]!],
    ['8 x 32', { batch: 1, tokens: 33, heads: 1, dim: 20 }, FLASH_TILES[2]!],
  ])('%s', (_name, size, tile) => checkHalves(size, tile), COMPILING);
});

describe('chooseFlashTile', () => {
  const traits: GpuTraits = {
    software: false,
    vendor: 'nvidia',
    workgroupBytes: 32768,
    workgroupInvocations: 256,
  };

  it('takes the largest tile that fits', () => {
    expect(chooseFlashTile(64, traits)).toEqual({ rows: 32, columns: 32 });
    expect(chooseFlashTile(80, traits)).toEqual({ rows: 16, columns: 32 });
    expect(chooseFlashTile(128, traits)).toEqual({ rows: 8, columns: 32 });
    expect(chooseFlashTile(64, { ...traits, workgroupBytes: 16384 })).toEqual({ rows: 8, columns: 32 });
    for (const dim of [16, 64, 80, 128]) {
      const tile = chooseFlashTile(dim, traits)!;
      expect(flashWorkgroupBytes({ dim, tile, precision: 'f32' })).toBeLessThanOrEqual(32768);
    }
  });

  it('leaves wider heads to others', () => expect(chooseFlashTile(129, traits)).toBeUndefined());

  it('gives software adapters groups of four invocations', () =>
    expect(chooseFlashTile(16, { ...traits, software: true })).toEqual({ rows: 8, columns: 8 }));
});

it('stores half precision where asked, and sums in single', () => {
  const wgsl = flashForwardWgsl({ dim: 64, tile: FLASH_TILES[0]!, precision: 'f16' });
  expect(wgsl).toMatch(/^enable f16;/);
  expect(wgsl).toContain('queries: array<vec4<f16>');
  expect(wgsl).toContain('weights: array<vec4<f32>');
  expect(wgsl).toContain('logSum: array<f32>');
});
