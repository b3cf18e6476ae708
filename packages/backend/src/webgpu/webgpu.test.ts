import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { openBackend } from '../backend.js';
import { currentPrecision } from '../precision.js';
import { gpuEngine } from './engine.js';
import { GpuLostError, GpuMemoryError, watchDevice } from './health.js';
import { internalsOf } from './internals.js';
import { webgpuProvider } from './webgpu.js';

const missing = await webgpuProvider.unavailable();
const sum = async (): Promise<number> => (await tf.sum(tf.ones([2000])).data())[0]!;

describe.skipIf(missing !== undefined)(`webgpu${missing === undefined ? '' : ` (${missing})`}`, () => {
  // A lost device is known to all that follows in this process.
  afterAll(() => openBackend('cpu'));

  it('computes, and counts its memory', async () => {
    const backend = await openBackend('webgpu');
    expect(backend.description).toContain('WebGPU on');
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect([...(await tf.matMul(x, x).data())]).toEqual([7, 10, 15, 22]);
    expect(backend.memory().heapBytes).toBeGreaterThan(0);
  });

  it('raises the limits to the adapter’s', async () => {
    const backend = await openBackend('webgpu');
    const { limits } = gpuEngine(tf.backend()).device;
    expect(limits.maxBufferSize).toBeGreaterThan(2 ** 28);
    expect(backend.capabilities.maxTensorBytes).toBe(
      Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
    );
  });

  it('says what adapters are called when none has the name', async () => {
    await expect(openBackend('webgpu', { adapter: 'Voodoo 2' })).rejects.toThrow(
      /no adapter for 'Voodoo 2'.*name:/,
    );
  });

  it('keeps the engine that is open, and makes a new one for another adapter', async () => {
    await openBackend('webgpu');
    const engine = tf.backend();
    await openBackend('webgpu');
    expect(tf.backend()).toBe(engine);
    await openBackend('webgpu', { adapter: 'low-power' });
    expect(tf.backend()).not.toBe(engine);
    expect(await sum()).toBe(2000);
  });

  it('computes in float16 where the adapter has it, and says which adapter has not', async () => {
    const { capabilities, description } = await openBackend('webgpu');
    const opening = openBackend('webgpu', { precision: 'float16' });
    if (capabilities.float16) {
      await opening;
      expect(currentPrecision()).toBe('float16');
    } else
      await expect(opening).rejects.toThrow(
        `its adapter '${description.replace('WebGPU on ', '')}' has no shader-f16, which float16 takes`,
      );
    await openBackend('webgpu');
    expect(currentPrecision()).toBe('float32');
  });

  it('is passed over by auto where it computes on the CPU', async () => {
    const software = (await openBackend('webgpu')).capabilities.device === 'cpu';
    expect((await webgpuProvider.passedOver?.()) !== undefined).toBe(software);
  });

  it('names a tensor that is larger than the GPU allows, and the limit', async () => {
    const { capabilities } = await openBackend('webgpu');
    const gpu = gpuEngine(tf.backend());
    const entries = capabilities.maxTensorBytes / 4 + 1;
    const info = gpu.allocate([entries], 'float32');
    const upload = (): void => internalsOf(tf.backend()).uploadToGPU(info.dataId);
    expect(upload).toThrow(GpuMemoryError);
    expect(upload).toThrow(
      `a tensor float32 [${entries}] takes ${capabilities.maxTensorBytes / 2 ** 20} MB, more than this GPU allows for one buffer`,
    );
  });

  it('throws the loss of the device where a tensor is read, and opens again', async () => {
    await openBackend('webgpu');
    const x = tf.tensor1d([1, 2, 3]);
    const y = tf.square(x);
    gpuEngine(tf.backend()).device.destroy();
    await expect(y.data()).rejects.toThrow(GpuLostError);
    await expect(sum()).rejects.toThrow('the GPU device was lost');
    await openBackend('webgpu');
    expect(await sum()).toBe(2000);
  });
});

describe('device health', () => {
  /** A device whose buffers find no room. */
  function fullDevice(): GPUDevice {
    return {
      limits: { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 30 },
      lost: new Promise(() => undefined),
      addEventListener: () => undefined,
      pushErrorScope: () => undefined,
      popErrorScope: async () => ({ message: 'vkAllocateMemory failed' }),
      createBuffer: () => ({}),
    } as unknown as GPUDevice;
  }

  it('tells of a buffer without room which tensor it was for', async () => {
    const device = fullDevice();
    const health = watchDevice(device, () => 'a tensor float32 [64,197,3072]');
    device.createBuffer({ size: 64 * 197 * 3072 * 4, usage: 0 });
    expect(() => health.check()).not.toThrow();
    await health.settle();
    expect(() => health.check()).toThrow(GpuMemoryError);
    expect(() => health.check()).toThrow(
      'the GPU has no room for a tensor float32 [64,197,3072] of 148 MB, after 0 bytes that were allocated before',
    );
  });
});

describe('internals of tfjs-backend-webgpu', () => {
  it('names what another version lacks', () => {
    expect(() => internalsOf({ device: {}, queue: {} })).toThrow(
      /not the version 4\.22\.0 that MAEhem knows: it lacks ensureCommandEncoderReady, .*bufferManager\.acquireBuffer/,
    );
  });
});
