import { describeOnEveryBackend } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { accumulate } from './accumulate.js';

describeOnEveryBackend('accumulate', (backend) => {
  describe.each(kernelModes(backend))('%s', (mode) => {
    it.each([[1], [7], [1000]])('adds %d numbers, and leaves one tensor', async (size) => {
      const start = tf.range(0, size);
      const x = tf.fill([size], 0.5);
      const kept = tf.clone(start);
      const before = tf.memory().numTensors;
      let sum = tf.mul(start, 2) as tf.Tensor;
      for (let i = 0; i < 3; i++) {
        const [next] = withKernelMode(mode, () => accumulate({ sum, x }, {}));
        sum.dispose();
        sum = next!;
      }
      expect(tf.memory().numTensors - before).toBe(1);
      expect([...(await sum.data())]).toEqual(Array.from({ length: size }, (_, i) => 2 * i + 1.5));
      tf.dispose([start, x, kept, sum]);
    });

    it('leaves what somebody else holds', async () => {
      const sum = tf.tensor1d([1, 2]);
      const kept = tf.clone(sum);
      const [total] = withKernelMode(mode, () => accumulate({ sum, x: tf.tensor1d([10, 20]) }, {}));
      expect([...(await total!.data())]).toEqual([11, 22]);
      expect([...(await kept.data())]).toEqual([1, 2]);
    });
  });
});
