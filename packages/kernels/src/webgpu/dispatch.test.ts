import { type GpuEngine, gpuEngine, openBackend, PROVIDERS } from '@maehem/backend';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { compileAhead, dispatch, elements, spread, u32 } from './dispatch.js';

const missing = await PROVIDERS.find(({ name }) => name === 'webgpu')?.unavailable();

/** y = 2 x, and x += 1 in place. */
function doubleAndCount(gpu: GpuEngine, x: tf.Tensor): [y: tf.Tensor, x: tf.Tensor] {
  const y = gpu.allocate(x.shape, 'float32');
  const counted = gpu.updatable(x);
  const size = elements(x);
  dispatch(gpu, {
    key: 'double and count',
    wgsl: () => `
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
struct Sizes { size: u32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64;
  if (i < sizes.size) { y[i] = 2 * x[i]; x[i] += 1; }
}`,
    inputs: [],
    outputs: [y, counted],
    uniforms: [u32(size)],
    workgroups: spread(Math.ceil(size / 64)),
  });
  return [y, counted].map((info) => tf.engine().makeTensorFromTensorInfo(info)) as [tf.Tensor, tf.Tensor];
}

describe.skipIf(missing !== undefined)('dispatch [webgpu]', () => {
  let gpu: GpuEngine;
  beforeAll(async () => {
    await openBackend('webgpu');
    gpu = gpuEngine(tf.backend());
  });

  it('writes several outputs, in place too, and leaves clones alone', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    const [y, once] = doubleAndCount(gpu, x);
    const kept = tf.clone(once);
    const [, twice] = doubleAndCount(gpu, once);
    expect([...(await y.data())]).toEqual([2, 4, 6]);
    expect([...(await kept.data())]).toEqual([2, 3, 4]);
    expect([...(await twice.data())]).toEqual([3, 4, 5]);
    // What was read is not read again from the host once a kernel wrote to it.
    twice.dispose();
  });

  it('reuses pipelines, uniforms and buffers', async () => {
    const x = tf.ones([1000]);
    const before = tf.memory().numTensors;
    const allocated = (): number =>
      (tf.memory() as unknown as { numBytesAllocatedInGPU: number }).numBytesAllocatedInGPU;
    const run = async (): Promise<void> => {
      const copy = tf.add(x, 1);
      const results = doubleAndCount(gpu, copy);
      await results[0].data();
      tf.dispose([copy, ...results]);
    };
    await run();
    await run();
    const bytes = allocated();
    for (let i = 0; i < 10; i++) await run();
    expect(allocated()).toBe(bytes);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('compiles ahead without dispatching, and survives what does not compile', async () => {
    const [y] = [gpu.allocate([4], 'float32')];
    const fill = (key: string, value: string) => () =>
      dispatch(gpu, {
        key,
        wgsl: () => `
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) { y[i] = ${value}; }`,
        inputs: [],
        outputs: [y!],
        workgroups: [1],
      });
    fill('ones', '1')();
    await compileAhead(gpu, fill('twos', '2'));
    await expect(compileAhead(gpu, fill('nothing', 'nonsense'))).rejects.toThrow('nonsense');
    const values = tf.engine().makeTensorFromTensorInfo(y!);
    expect([...(await values.data())]).toEqual([1, 1, 1, 1]);
    const compile = vi.spyOn(gpu.device, 'createComputePipeline');
    expect(await gpu.time(fill('twos', '2'))).toBeGreaterThan(0);
    expect(compile).not.toHaveBeenCalled();
    const twos = tf.add(values, 0);
    expect([...(await twos.data())]).toEqual([2, 2, 2, 2]);
    tf.dispose([values, twos]);
  });

  it('reports WGSL that does not compile where the result is read', async () => {
    const x = tf.ones([4]);
    const info = gpu.allocate([4], 'float32');
    dispatch(gpu, {
      key: 'wrong',
      wgsl: () => 'fn main() { nonsense }',
      inputs: [x],
      outputs: [info],
      workgroups: [1],
    });
    const y = tf.engine().makeTensorFromTensorInfo(info);
    await expect(y.data()).rejects.toThrow(/WebGPU.*wrong/s);
    // The engine is told to be broken from then on; opening it anew mends that.
    await openBackend('webgpu');
    expect([...(await tf.add(tf.scalar(1), tf.ones([1000])).data())][0]).toBe(2);
  });

  it('refuses more than the device takes, by name', () => {
    const x = tf.ones([4]);
    expect(() =>
      dispatch(gpu, { key: 'wide', wgsl: () => '', inputs: [x], outputs: [], workgroups: [2 ** 20] }),
    ).toThrow("kernel 'wide': [1048576,1,1] workgroups, but this GPU takes");
  });
});

describe('spread', () => {
  it('covers the count with as many columns as one axis takes', () => {
    expect(spread(5)).toEqual([5, 1]);
    const [x, y] = spread(200_001);
    expect(x).toBeLessThanOrEqual(65535);
    expect(x * y).toBeGreaterThanOrEqual(200_001);
  });
});
