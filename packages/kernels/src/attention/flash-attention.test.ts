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
import {
  type FlashTile,
  flashExtent,
  flashForwardWgsl,
  flashWorkgroupBytes,
} from './flash-attention.wgsl.js';
import { chooseFlashTile, flashTakes, SOFTWARE_TILES } from './flash-tiles.js';
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
async function check({ batch, tokens, heads, dim }: Size, tile?: FlashTile): Promise<void> {
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

/** Blocks that are no four rows high, and more invocations to a row than heads of 8 have vec4. */
const ODD: FlashTile = { threadRows: 5, threadColumns: 2, down: 2, across: 4, pipelined: true };

describeOnBackend('flash attention', 'webgpu', () => {
  const { narrow, wide } = SOFTWARE_TILES;

  it.each<[string, Size, FlashTile]>([
    ['65 tokens, heads of no whole vec4', { batch: 2, tokens: 65, heads: 3, dim: 5 }, narrow],
    ['one token', { batch: 2, tokens: 1, heads: 2, dim: 8 }, ODD],
    ['50 tokens', { batch: 2, tokens: 50, heads: 2, dim: 8 }, ODD],
    ['heads of 80', { batch: 1, tokens: 17, heads: 1, dim: 80 }, wide],
  ])('%s', (_name, size, tile) => check(size, tile), COMPILING);
});

describeInHalfPrecision('flash attention in half precision', () => {
  it('50 tokens', () => checkHalves({ batch: 2, tokens: 50, heads: 2, dim: 8 }, ODD), COMPILING);
});

describe('chooseFlashTile', () => {
  const traits: GpuTraits = {
    software: false,
    vendor: 'nvidia',
    workgroupBytes: 32768,
    workgroupInvocations: 256,
  };
  const kernels = ['forward', 'query gradient', 'key and value gradient'] as const;

  it('finds a tile that fits for every head up to 128', () => {
    for (const kernel of kernels)
      for (const dim of [5, 16, 32, 64, 80, 128])
        for (const workgroupBytes of [16384, 32768, 65536]) {
          const device = { ...traits, workgroupBytes };
          const tile = chooseFlashTile(kernel, { tokens: 197, dim }, 'f32', device)!;
          const program = { dim, tile, precision: 'f32' } as const;
          expect(flashWorkgroupBytes(kernel, program)).toBeLessThanOrEqual(workgroupBytes);
          expect(flashExtent(tile).invocations).toBeLessThanOrEqual(256);
        }
    expect(flashTakes(128, { ...traits, workgroupBytes: 16384 })).toBe(true);
  });

  it('computes few scores of no token', () => {
    const { rows } = flashExtent(chooseFlashTile('forward', { tokens: 197, dim: 32 }, 'f32', traits)!);
    expect(Math.ceil(197 / rows) * rows).toBeLessThanOrEqual(224);
  });

  it('leaves wider heads to others', () => {
    expect(flashTakes(129, traits)).toBe(false);
  });

  it('gives software adapters groups of four invocations', () => {
    const tile = chooseFlashTile('forward', { tokens: 50, dim: 16 }, 'f32', { ...traits, software: true })!;
    expect(flashExtent(tile).invocations).toBe(4);
  });
});

it('stores half precision where asked, and sums in single', () => {
  const program = { dim: 64, tile: ODD, precision: 'f16' } as const;
  const wgsl = flashForwardWgsl(program);
  expect(wgsl).toMatch(/^enable f16;/);
  expect(wgsl).toContain('queries: array<vec4<f16>');
  expect(wgsl).toContain('weights: array<vec4<f32>');
  expect(wgsl).toContain('logSum: array<f32>');
});
