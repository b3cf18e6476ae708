import { gpuEngine } from '@maehem/backend';
import { describeInHalfPrecision, describeOnBackend } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { allocateNumbers } from '../half/half.js';
import { tuneKernels } from '../tuning/tune.js';
import { choose } from '../tuning/tuning.js';
import { SOFTWARE_TILES } from './flash-tiles.js';
import { tunableAttention } from './tunable-attention.js';

/** Software adapters have one candidate; here they get a second, as if it were faster. */
async function tuneAll(qkv: tf.TensorInfo, precision: 'f32' | 'f16'): Promise<void> {
  const gpu = gpuEngine(tf.backend());
  const before = tf.memory().numTensors;
  const { narrow, wide } = SOFTWARE_TILES;
  const kernels = ['forward', 'query gradient', 'key and value gradient'] as const;
  const work = async (): Promise<void> => {
    for (const kernel of kernels) {
      const tunable = { ...tunableAttention(gpu, kernel, qkv, 2), candidates: () => [narrow, wide] };
      expect(tunable.usual()).toEqual(narrow);
      choose(gpu, tunable.usual, () => tunable);
    }
  };
  const time = async (_kernel: string, choice: object, runs: number) =>
    JSON.stringify(choice) === JSON.stringify(wide) ? runs : 2 * runs;
  const tuned = await tuneKernels(gpu, work, { time });
  expect(tf.memory().numTensors).toBe(before);
  const found = { share: 1 / 3, usualMs: 2, ms: 1, choice: '8x32 by 16', changed: true, wrong: 0 };
  expect(tuned.kernels).toEqual(
    kernels.map((kernel) => ({ name: `attention ${kernel} 2x2x9x4 ${precision}`, ...found })),
  );
}

describeOnBackend('tuning of attention', 'webgpu', () => {
  it('measures each kernel for itself, and its choices change no result', async () => {
    const qkv = tf.zeros([2, 9, 3 * 2 * 4]);
    await tuneAll(qkv, 'f32');
    qkv.dispose();
  });
});

describeInHalfPrecision('tuning of attention', () => {
  it('measures each kernel for itself, and its choices change no result', async () => {
    const gpu = gpuEngine(tf.backend());
    const qkv = allocateNumbers(gpu, [2, 9, 3 * 2 * 4], 'f16');
    await tuneAll(qkv, 'f16');
    gpu.release(qkv);
  });
});
