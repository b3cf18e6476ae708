import { dispose } from '@maehem/backend';
import { kernelModes, withKernelMode } from '@maehem/kernels';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { addGradients, clipScale, globalNorm } from './index.js';

/** Read a scalar and dispose it. */
async function take(scalar: tf.Scalar): Promise<number> {
  const value = (await scalar.data())[0]!;
  scalar.dispose();
  return value;
}

/** The factor for a gradient of this norm. */
async function scaleOf(norm: number, maxNorm: number): Promise<number> {
  const given = tf.scalar(norm);
  const scale = await take(clipScale(given, maxNorm));
  given.dispose();
  return scale;
}

describeOnEveryBackend('gradients', (backend) => {
  describe.each(kernelModes(backend, { shaped: true }))('globalNorm, %s', (mode) => {
    it('is the norm of all gradients as one vector, and leaves one tensor', async () => {
      const grads = { a: tf.tensor2d([1, 2, 3, -4], [2, 2]), b: tf.tensor1d([5, -6]), c: tf.scalar(3) };
      const before = tf.memory().numTensors;
      const norm = withKernelMode(mode, () => globalNorm(grads));
      expect(norm.shape).toEqual([]);
      expect(tf.memory().numTensors - before).toBe(1);
      await expectClose([await take(norm)], [10], 1e-6);
      expect(tf.memory().numTensors).toBe(before);
      dispose(grads);
    });

    it('adds 100,000 equal squares without losing them', async () => {
      const grads = { a: tf.fill([100_000], 0.1) };
      // Ours adds in double precision; the composite in float32, one by one on wasm.
      const tolerance = mode === 'composite' ? 1e-3 : 1e-6;
      const norm = await take(withKernelMode(mode, () => globalNorm(grads)));
      await expectClose([norm], [Math.sqrt(1000)], tolerance);
      dispose(grads);
    });

    it('is 0 of zeros, and NaN of NaN', async () => {
      const zeros = { a: tf.zeros([3]) };
      const bad = { a: tf.tensor1d([1, Number.NaN]), b: tf.tensor1d([1]) };
      expect(await take(withKernelMode(mode, () => globalNorm(zeros)))).toBe(0);
      expect(await take(withKernelMode(mode, () => globalNorm(bad)))).toBeNaN();
      dispose(zeros);
      dispose(bad);
    });
  });

  it('clips to the norm, and never enlarges', async () => {
    const before = tf.memory().numTensors;
    await expectClose([await scaleOf(10, 1)], [1 / (10 + 1e-6)], 1e-6);
    await expectClose([await scaleOf(10, 5)], [0.5], 1e-6);
    expect(await scaleOf(0.5, 1)).toBe(1);
    expect(await scaleOf(0, 1)).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([0, -1, Number.NaN])('does not clip to a norm of %d', async (maxNorm) => {
    await expect(scaleOf(1, maxNorm)).rejects.toThrow(`clipped to a positive norm, got ${maxNorm}`);
  });

  it('adds two sets path by path, and names a path that the second lacks', async () => {
    const a = { w: tf.tensor2d([1, 2, 3, 4], [2, 2]), b: tf.tensor1d([5]) };
    const b = { b: tf.tensor1d([-6]), w: tf.tensor2d([10, 20, 30, 40], [2, 2]) };
    const before = tf.memory().numTensors;
    const sum = addGradients(a, b);
    dispose(a);
    expect(tf.memory().numTensors).toBe(before);
    expect([...(await sum['w']!.data())]).toEqual([11, 22, 33, 44]);
    expect([...(await sum['b']!.data())]).toEqual([-1]);
    expect(sum['w']!.shape).toEqual([2, 2]);
    expect(() => tf.tidy(() => void addGradients(sum, { w: b.w }))).toThrow(
      'no gradient for b in the second set',
    );
    for (const grads of [sum, b]) dispose(grads);
  });
});
