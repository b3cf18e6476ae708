import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { openBackend } from '../backend.js';
import { webgpuProvider } from './webgpu.js';

const missing = await webgpuProvider.unavailable();

describe.skipIf(missing !== undefined)(`webgpu${missing === undefined ? '' : ` (${missing})`}`, () => {
  it('computes', async () => {
    const backend = await openBackend('webgpu');
    expect(backend.description).toContain('WebGPU on');
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect([...(await tf.matMul(x, x).data())]).toEqual([7, 10, 15, 22]);
    expect(backend.memory().heapBytes).toBeGreaterThan(0);
  });

  it('says what an adapter is called when none has the name', async () => {
    await expect(openBackend('webgpu', { adapter: 'Voodoo 2' })).rejects.toThrow(
      /no adapter for 'Voodoo 2'.*name:/,
    );
  });
});
