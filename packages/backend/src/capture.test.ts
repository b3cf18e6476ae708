import * as tf from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type BackendName, capture, dispose, openBackend, PROVIDERS } from './index.js';

describe.each<BackendName>(['wasm', 'cpu', 'tensorflow'])('capture [%s]', (name) => {
  beforeEach(async ({ skip }) => {
    const reason = await PROVIDERS.find((provider) => provider.name === name)?.unavailable();
    skip(reason !== undefined, reason);
    await openBackend(name);
  });

  // Reshapes share memory, the constant comes from the host, `y` is used twice, and `x` is handed through.
  const step = ({ x, w }: { x: tf.Tensor; w: tf.Tensor }) => {
    const y = tf.matMul(tf.reshape(x, [2, 3]) as tf.Tensor2D, w as tf.Tensor2D);
    const products = tf.squeeze(tf.expandDims(tf.mul(tf.add(y, tf.tensor1d([10, 20])), y), 1));
    return { sum: tf.sum(products), y, x };
  };
  const inputs = (offset: number) => ({
    x: tf.tensor1d([1, 2, 3, 4, 5, 6 + offset]),
    w: tf.tensor2d([1, 0, 0, 1, 1, 1], [3, 2]),
  });

  it('replays the same kernels on new inputs, to the bit', async () => {
    const first = inputs(0);
    const { program, outputs } = await capture(step, first);
    expect(tf.getBackend()).toBe(name);
    expect(program.kernels).toContain(name === 'tensorflow' ? 'BatchMatMulV2' : 'BatchMatMul');
    expect([...outputs.y.dataSync()]).toEqual([4, 5, 10, 11]);
    const second = inputs(1);
    const expected = step(second);
    const replayed = program.run(second);
    expect([...replayed.sum.dataSync()]).toEqual([...expected.sum.dataSync()]);
    expect([...replayed.y.dataSync()]).toEqual([...expected.y.dataSync()]);
    expect([...replayed.x.dataSync()]).toEqual([1, 2, 3, 4, 5, 7]);
    program.dispose();
  });

  it('frees everything but its outputs', async () => {
    const first = inputs(0);
    const before = { tensors: tf.memory().numTensors, buffers: tf.backend().numDataIds() };
    const { program, outputs } = await capture(step, first);
    // An input that is handed through may come back as it is.
    dispose({ sum: outputs.sum, y: outputs.y });
    if (outputs.x !== first.x) outputs.x.dispose();
    for (let i = 0; i < 5; i++) dispose(program.run(first));
    program.dispose();
    expect(first.x.dataSync()[5]).toBe(6);
    expect({ tensors: tf.memory().numTensors, buffers: tf.backend().numDataIds() }).toEqual(before);
  });

  it('refuses steps that read tensors, and inputs of another shape', async () => {
    const first = inputs(0);
    await expect(capture(({ x }) => ({ y: tf.mul(x, x.dataSync()[0]!) }), first)).rejects.toThrow(
      'reads a tensor',
    );
    expect(tf.getBackend()).toBe(name);
    const { program } = await capture(step, first);
    expect(() => program.run({ ...first, x: tf.zeros([5]) })).toThrow(
      'input 0 has shape [5], captured with [6]',
    );
  });
});
