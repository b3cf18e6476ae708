import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  type BackendName,
  currentPrecision,
  openBackend,
  PROVIDERS,
  parameterCount,
  tidy,
  valueAndGrad,
} from './index.js';

describe('openBackend', () => {
  it('auto takes the fastest that this machine offers', async () => {
    const tensorflow = PROVIDERS.find(({ name }) => name === 'tensorflow');
    const offersTensorFlow = (await tensorflow?.unavailable()) === undefined;
    const backend = await openBackend();
    expect(tf.getBackend()).toBe(backend.name);
    // A real GPU stands before the CPU; a software one is never taken.
    if (backend.name !== 'webgpu') expect(backend.name).toBe(offersTensorFlow ? 'tensorflow' : 'wasm');
  });

  it('tells what an engine can do', async () => {
    const backend = await openBackend('wasm');
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

  it('says who computes in the precision that was asked for', async () => {
    await expect(openBackend('wasm', { precision: 'float16' })).rejects.toThrow(
      'wasm: the wasm backend does not compute in float16; webgpu can',
    );
    await openBackend('wasm');
    expect(currentPrecision()).toBe('float32');
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
