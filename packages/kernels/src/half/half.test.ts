import { gpuEngine } from '@maehem/backend';
import { describeInHalfPrecision } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { halve, numbersShape, precisionOf } from './half.js';
import { readHalves } from './read-halves.js';

describeInHalfPrecision('halve', () => {
  it('rounds matrices to 11 bits, of more numbers than a workgroup takes too', async () => {
    const few = [0, 1, -2, 0.1, 65504, 1e5, 2 ** -24, 1e-9];
    const many = Array.from({ length: 2052 }, (_, i) => i - 1026);
    const matrices = [tf.tensor2d(many, [2, 1026]), tf.tensor2d(few, [2, 4])];
    const halves = halve(gpuEngine(tf.backend()), matrices);
    expect(halves.map(precisionOf)).toEqual(['f16', 'f16']);
    expect(halves.map(numbersShape)).toEqual([
      [2, 1026],
      [2, 4],
    ]);
    const [first, second] = halves.map((info) => tf.engine().makeTensorFromTensorInfo(info));
    // Whole numbers to 2048 are exact.
    expect([...readHalves(await first!.data())]).toEqual(many);
    const [zero, one, two, tenth, largest, tooLarge, smallest, tooSmall] = readHalves(await second!.data());
    expect([zero, one, two, largest, smallest, tooSmall]).toEqual([0, 1, -2, 65504, 2 ** -24, 0]);
    expect(tenth).toBeCloseTo(0.1, 4);
    expect(tenth).not.toBe(Math.fround(0.1));
    expect(tooLarge).toBe(Number.POSITIVE_INFINITY);
  });
});
