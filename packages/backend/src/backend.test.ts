import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { type BackendName, openBackend, parameterCount, tidy, valueAndGrad } from './index.js';

describe('openBackend', () => {
  it('auto takes the fastest: wasm before cpu', async () => {
    const backend = await openBackend();
    expect(backend.name).toBe('wasm');
    expect(tf.getBackend()).toBe('wasm');
    expect(backend.capabilities.sharedMemory).toBe(true);
    expect(backend.memory().heapBytes).toBeGreaterThan(0);
  });

  it('opens by name, and reports memory', async () => {
    const backend = await openBackend('cpu');
    const before = backend.memory();
    const x = tf.zeros([1000]);
    const after = backend.memory();
    expect(after.tensors - before.tensors).toBe(1);
    expect(after.tensorBytes - before.tensorBytes).toBe(4000);
    expect(after.residentBytes).toBeGreaterThan(1e6);
    x.dispose();
  });

  it('names the choices when it knows no such backend', async () => {
    await expect(openBackend('cuda' as BackendName)).rejects.toThrow(
      /unknown backend 'cuda'; choose one of auto, .*webgpu, wasm, cpu/,
    );
  });
});

describe('valueAndGrad', () => {
  const square = (x: tf.Tensor) =>
    tf.customGrad(() => ({
      value: tf.sum(tf.square(x)),
      gradFunc: (dy) => tf.mul(tf.mul(x, 2), dy),
    }))(x) as tf.Scalar;

  it('differentiates trainable leaves and leaves the frozen out', async () => {
    await openBackend('cpu');
    const params = { a: tf.tensor1d([1, 2]), b: { c: tf.tensor1d([3]) } };
    const { value, grads } = valueAndGrad(
      (p) => square(p.a),
      params,
      (path) => path === 'a',
    );
    expect(value.dataSync()[0]).toBe(5);
    expect(Object.keys(grads)).toEqual(['a']);
    expect([...grads['a']!.dataSync()]).toEqual([2, 4]);
  });

  it('names leaves that the loss does not reach', async () => {
    const params = { a: tf.tensor1d([1, 2]), b: { c: tf.tensor1d([3]) } };
    expect(() => valueAndGrad((p) => square(p.a), params)).toThrow('does not depend on b.c');
    expect(() =>
      valueAndGrad(
        (p) => square(p.a),
        params,
        () => false,
      ),
    ).toThrow('every parameter is frozen');
  });
});

describe('trees of tensors', () => {
  it('tidy keeps what is returned', () => {
    const before = tf.memory().numTensors;
    const tree = tidy(() => ({ kept: tf.mul(tf.ones([2, 3]), 2) }));
    expect(tf.memory().numTensors - before).toBe(1);
    expect(parameterCount(tree)).toBe(6);
  });
});
