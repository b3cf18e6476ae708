import { dispose } from '@maehem/backend';
import { type KernelMode, withKernelMode } from '@maehem/kernels';
import { describeOnEveryBackend, expectClose } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { addGradients, clipScale, globalNorm } from './index.js';

/** Read a scalar and dispose it. */
function take(scalar: tf.Scalar): number {
  const value = scalar.dataSync()[0]!;
  scalar.dispose();
  return value;
}

/** The factor for a gradient of this norm. */
function scaleOf(norm: number, maxNorm: number): number {
  const given = tf.scalar(norm);
  const scale = take(clipScale(given, maxNorm));
  given.dispose();
  return scale;
}

describeOnEveryBackend('gradients', () => {
  describe.each<KernelMode>(['native', 'composite'])('globalNorm, %s', (mode) => {
    it('is the norm of all gradients as one vector, and leaves one tensor', () => {
      const grads = { a: tf.tensor2d([1, 2, 3, -4], [2, 2]), b: tf.tensor1d([5, -6]), c: tf.scalar(3) };
      const before = tf.memory().numTensors;
      const norm = withKernelMode(mode, () => globalNorm(grads));
      expect(norm.shape).toEqual([]);
      expect(tf.memory().numTensors - before).toBe(1);
      expectClose([take(norm)], [10], 1e-6);
      expect(tf.memory().numTensors).toBe(before);
      dispose(grads);
    });

    it('adds 100,000 equal squares without losing them', () => {
      const grads = { a: tf.fill([100_000], 0.1) };
      // Ours adds in double precision; the composite in float32, one by one on wasm.
      const tolerance = mode === 'native' ? 1e-6 : 1e-3;
      expectClose([take(withKernelMode(mode, () => globalNorm(grads)))], [Math.sqrt(1000)], tolerance);
      dispose(grads);
    });

    it('is 0 of zeros, and NaN of NaN', () => {
      const zeros = { a: tf.zeros([3]) };
      const bad = { a: tf.tensor1d([1, Number.NaN]), b: tf.tensor1d([1]) };
      expect(take(withKernelMode(mode, () => globalNorm(zeros)))).toBe(0);
      expect(take(withKernelMode(mode, () => globalNorm(bad)))).toBeNaN();
      dispose(zeros);
      dispose(bad);
    });
  });

  it('clips to the norm, and never enlarges', () => {
    const before = tf.memory().numTensors;
    expectClose([scaleOf(10, 1)], [1 / (10 + 1e-6)], 1e-6);
    expectClose([scaleOf(10, 5)], [0.5], 1e-6);
    expect(scaleOf(0.5, 1)).toBe(1);
    expect(scaleOf(0, 1)).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([0, -1, Number.NaN])('does not clip to a norm of %d', (maxNorm) => {
    expect(() => scaleOf(1, maxNorm)).toThrow(`clipped to a positive norm, got ${maxNorm}`);
  });

  it('adds two sets path by path, and names a path that the second lacks', () => {
    const a = { w: tf.tensor2d([1, 2, 3, 4], [2, 2]), b: tf.tensor1d([5]) };
    const b = { b: tf.tensor1d([-6]), w: tf.tensor2d([10, 20, 30, 40], [2, 2]) };
    const before = tf.memory().numTensors;
    const sum = addGradients(a, b);
    expect(tf.memory().numTensors - before).toBe(2);
    expect([...sum['w']!.dataSync()]).toEqual([11, 22, 33, 44]);
    expect([...sum['b']!.dataSync()]).toEqual([-1]);
    expect(sum['w']!.shape).toEqual([2, 2]);
    dispose(sum);
    expect([...a.w.dataSync()]).toEqual([1, 2, 3, 4]);
    expect(() => tf.tidy(() => void addGradients(a, { w: b.w }))).toThrow(
      'no gradient for b in the second set',
    );
    for (const grads of [a, b]) dispose(grads);
  });
});
