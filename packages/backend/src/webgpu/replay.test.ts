import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { openBackend } from '../backend.js';
import { capture, registerOnCurrentEngine } from '../capture.js';
import { dispose } from '../params.js';
import { gpuEngine } from './engine.js';
import { webgpuProvider } from './webgpu.js';

const missing = await webgpuProvider.unavailable();

/** param += grad, in place: what an optimizer does. */
function accumulate(param: tf.Tensor, grad: tf.Tensor): tf.Tensor {
  registerOnCurrentEngine(
    'TestAccumulate',
    ({ inputs, backend }) => {
      const gpu = gpuEngine(backend);
      const { param: p, grad: g } = inputs as { param: tf.TensorInfo; grad: tf.TensorInfo };
      const updated = gpu.updatable(p);
      const code = `
@group(0) @binding(0) var<storage, read> grad: array<f32>;
@group(0) @binding(1) var<storage, read_write> param: array<f32>;
@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) { param[id.x] += grad[id.x]; }`;
      const pipeline = gpu.device.createComputePipeline({
        layout: 'auto',
        compute: { module: gpu.device.createShaderModule({ code }), entryPoint: 'main' },
      });
      gpu.dispatch({
        kernel: { pipeline, bindings: pipeline.getBindGroupLayout(0) },
        inputs: [g],
        outputs: [updated],
        workgroups: [1, 1, 1],
      });
      return updated;
    },
    ['param'],
  );
  return tf.engine().runKernel('TestAccumulate', { param, grad } as tf.NamedTensorMap) as tf.Tensor;
}

type Inputs = { param: tf.Tensor; x: tf.Tensor; frozen: tf.Tensor };

/** Intermediate results, a constant of the step, an update, an input that is handed through. */
function step({ param, x, frozen }: Inputs): { loss: tf.Tensor; param: tf.Tensor; frozen: tf.Tensor } {
  const grad = tf.add(tf.mul(x, frozen), tf.tensor1d([1, 0, 0, 0]));
  return { loss: tf.sum(tf.square(grad)), param: accumulate(param, grad), frozen: tf.clone(frozen) };
}

describe.skipIf(missing !== undefined)('replay of commands [webgpu]', () => {
  beforeAll(() => openBackend('webgpu'));

  /** A captured step that is past its first two replays, and what goes round in it. */
  async function warm() {
    const frozen = tf.tensor1d([1, 2, 3, 4]);
    let param: tf.Tensor = tf.zeros([4]);
    const x = tf.ones([4]);
    const captured = await capture(step, { param, x, frozen });
    param = captured.outputs.param;
    for (let i = 0; i < 2; i++) {
      const next = captured.program.run({ param, x, frozen });
      param.dispose();
      param = next.param;
      tf.dispose([next.loss, next.frozen]);
    }
    return { program: captured.program, param, frozen };
  }

  it('computes what the step computes, on new inputs each time', async () => {
    const { program, frozen, param: before } = await warm();
    let param = before;
    expect([...(await param.data())]).toEqual([6, 6, 9, 12]);
    for (const value of [1, 2, 3]) {
      const x = tf.fill([4], value);
      const next = program.run({ param, x, frozen });
      expect((await next.loss.data())[0]).toBe((value + 1) ** 2 + value ** 2 * (4 + 9 + 16));
      param.dispose();
      param = next.param;
      tf.dispose([x, next.loss]);
      expect([...(await next.frozen.data())]).toEqual([1, 2, 3, 4]);
      next.frozen.dispose();
    }
    expect([...(await param.data())]).toEqual([6 + 9, 6 + 12, 9 + 18, 12 + 24]);
  });

  it('makes no buffers and no bind groups, and keeps counts flat', async () => {
    const { program, frozen, param: before } = await warm();
    let param = before;
    const { device } = gpuEngine(tf.backend());
    const once = async (): Promise<void> => {
      const x = tf.tensor1d([1, 2, 3, 4]);
      const next = program.run({ param, x, frozen });
      await next.loss.data();
      param.dispose();
      param = next.param;
      tf.dispose([x, next.loss, next.frozen]);
    };
    await once();
    await once();
    const count = (): number[] => [tf.memory().numTensors, tf.backend().numDataIds()];
    const counts = count();
    const buffers = vi.spyOn(device, 'createBuffer');
    const groups = vi.spyOn(device, 'createBindGroup');
    for (let i = 0; i < 5; i++) await once();
    expect(buffers).not.toHaveBeenCalled();
    expect(groups).not.toHaveBeenCalled();
    expect(count()).toEqual(counts);
    vi.restoreAllMocks();
  });

  it('leaves alone what others hold: clones, former results, weights of another run', async () => {
    const { program, param, frozen } = await warm();
    const x = tf.ones([4]);
    const clone = tf.clone(param);
    const first = program.run({ param, x, frozen });
    const other = tf.fill([4], 100);
    const second = program.run({ param: other, x, frozen });
    expect([...(await clone.data())]).toEqual([6, 6, 9, 12]);
    expect([...(await first.param.data())]).toEqual([8, 8, 12, 16]);
    expect([...(await second.param.data())]).toEqual([102, 102, 103, 104]);
  });

  it('gives its buffers back, and leaves its last results', async () => {
    const { program, param, frozen } = await warm();
    const { loss, param: last, frozen: same } = program.run({ param, x: tf.ones([4]), frozen });
    param.dispose();
    program.dispose();
    await tf.sum(tf.fill([4], 7)).data();
    expect((await loss.data())[0]).toBe(4 + 4 + 9 + 16);
    expect([...(await last.data())]).toEqual([8, 8, 12, 16]);
    dispose({ loss, last, same });
  });
});
