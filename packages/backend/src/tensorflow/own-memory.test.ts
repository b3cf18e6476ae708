import * as tf from '@tensorflow/tfjs-core';
import { beforeEach, expect, it } from 'vitest';
import { openBackend } from '../index.js';
import { tensorflowProvider } from './tensorflow.js';

beforeEach(async ({ skip }) => {
  const reason = await tensorflowProvider.unavailable();
  skip(reason !== undefined, reason);
  await openBackend('tensorflow');
});

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

it.each(['float32', 'int32', 'bool'] as const)(
  'a %s tensor does not share the memory of its array',
  (dtype) => {
    // One of the views is aligned to the 64 bytes that TensorFlow needs to compute on an array itself.
    const memory = new ArrayBuffer(256);
    for (let offset = 0; offset < 64; offset += 4) {
      const values = new ARRAYS[dtype](memory, offset, 8).fill(1);
      const x = tf.tensor1d(values, dtype);
      tf.equal(x, x).dispose(); // hands the values to TensorFlow
      values.fill(0);
      expect([...x.dataSync()]).toEqual(new Array(8).fill(1));
      x.dispose();
    }
  },
);
