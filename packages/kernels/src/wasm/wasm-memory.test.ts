import { openBackend } from '@maehem/backend';
import { fold, seed } from '@maehem/random';
import { randomTensor } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { attention } from '../attention/attention.js';
import { softmaxCrossEntropy } from '../cross-entropy/cross-entropy.js';
import { withKernelMode } from '../dispatch/kernel.js';
import { gatherTokens } from '../gather-tokens/gather-tokens.js';
import { linear } from '../linear/linear.js';
import { prepareWasmKernels } from './module-loading.js';
import { wasmMemory } from './wasm-memory.js';

const key = fold(seed(1), 'wasm memory');

beforeAll(async () => void (await openBackend('wasm')));

describe("our kernels in tfjs's memory", () => {
  it('are there, and stand first', () => {
    expect(wasmMemory(tf.backend())).toBeDefined();
    const qkv = randomTensor<tf.Tensor3D>(key, [1, 5, 24]);
    attention(qkv, 2);
    expect(tf.getKernel('MaehemAttentionSimd', 'wasm')).toBeDefined();
    expect(tf.getKernel('MaehemAttention', 'wasm')).toBeUndefined();
  });

  it('live on when the memory grows between calls, to the same bits', () => {
    const heapBytes = () =>
      (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;
    const qkv = randomTensor<tf.Tensor3D>(fold(key, 'qkv'), [2, 17, 48]);
    const params = {
      weight: randomTensor<tf.Tensor2D>(fold(key, 'w'), [33, 16]),
      bias: randomTensor<tf.Tensor1D>(fold(key, 'b'), [33]),
    };
    const ids = {
      idsKeep: tf.tensor2d([3, 0, 16, 9], [2, 2], 'int32'),
      idsRestore: tf.zeros([2, 17], 'int32') as tf.Tensor2D,
    };
    const targets = tf.fill<tf.Rank.R2>([4, 33], 1 / 33);
    const run = () => {
      const y = linear(params, gatherTokens(attention(qkv, 4), ids));
      const loss = softmaxCrossEntropy(tf.reshape(y, [4, 33]), targets);
      return [...y.dataSync(), ...loss.dataSync()];
    };
    const before = run();
    const size = heapBytes();
    const large = [0, 1, 2, 3].map(() => tf.zeros([16 * 2 ** 20]));
    expect(heapBytes()).toBeGreaterThan(size);
    expect(run()).toEqual(before);
    tf.dispose(large);
    expect(run()).toEqual(before);
  });

  it('give their scratch space back', () => {
    const qkv = randomTensor<tf.Tensor3D>(fold(key, 'scratch'), [2, 17, 48]);
    const buffers = () => tf.backend().numDataIds();
    const before = buffers();
    for (let i = 0; i < 5; i++) attention(qkv, 4).dispose();
    expect(buffers()).toBe(before);
  });

  it('stand aside for an engine that they do not know', () => {
    expect(wasmMemory({ wasm: {} })).toBeUndefined();
    expect(wasmMemory(undefined)).toBeUndefined();
  });

  it('can be compiled ahead', async () => {
    expect(await prepareWasmKernels()).toBe(true);
  });

  it('spread NaN, and agree with JavaScript', () => {
    const qkv = tf.mul(randomTensor<tf.Tensor3D>(fold(key, 'nan'), [1, 5, 24]), Number.NaN) as tf.Tensor3D;
    for (const mode of ['native', 'host'] as const)
      expect(withKernelMode(mode, () => attention(qkv, 2).dataSync()).every(Number.isNaN)).toBe(true);
  });
});
