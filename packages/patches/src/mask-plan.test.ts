import { openBackend } from '@maehem/backend';
import { expectNoLeak } from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  assertMaskRatio,
  keepCount,
  type MaskPlan,
  planFromHidden,
  planFromOrders,
  unmaskedPlan,
  uploadPlan,
} from './index.js';

describe('keepCount', () => {
  // Python's int(tokens * (1 - ratio)), rounding and all.
  it.each([
    [196, 0.75, 49],
    [16, 0.75, 4],
    [36, 0.5, 18],
    [64, 0.75, 16],
    [49, 0.75, 12],
    [196, 0.9, 19],
    [100, 0.9, 9],
    [100, 0.8, 19],
    [10, 0.7, 3],
    [10, 0.4, 6],
    [196, 0, 196],
    [196, 0.99, 1],
  ])('%i tokens, ratio %d: %i stay visible', (tokens, ratio, keep) => {
    expect(keepCount(tokens, ratio)).toBe(keep);
  });

  it('refuses ratios that hide everything, and ratios that are none', () => {
    expect(() => keepCount(10, 0.9)).toThrow('mask ratio 0.9 hides all of 10 patches');
    expect(() => keepCount(16, 1)).toThrow('mask ratio must be in [0, 1), got 1');
    expect(() => keepCount(16, -0.25)).toThrow('got -0.25');
    expect(() => keepCount(16, Number.NaN)).toThrow('got NaN');
    expect(() => keepCount(2.5, 0.5)).toThrow('whole number of patches, got 2.5');
  });
});

describe('assertMaskRatio', () => {
  it('wants something hidden and something seen', () => {
    for (const ratio of [0, 1, -1, 1.5, Number.NaN])
      expect(() => assertMaskRatio(ratio)).toThrow(`got ${ratio}`);
    for (const ratio of [0.01, 0.75, 0.99]) expect(() => assertMaskRatio(ratio)).not.toThrow();
  });
});

describe('plans', () => {
  it('from orders: the first stay visible', () => {
    expect(
      planFromOrders(
        [
          [2, 0, 3, 1],
          [1, 3, 0, 2],
        ],
        2,
      ),
    ).toEqual<MaskPlan>({
      batch: 2,
      tokens: 4,
      keep: 2,
      idsKeep: Int32Array.of(2, 0, 1, 3),
      idsRestore: Int32Array.of(1, 3, 0, 2, 2, 0, 3, 1),
      mask: Float32Array.of(0, 1, 0, 1, 1, 0, 1, 0),
    });
  });

  it('from flags: visible tokens upwards, then the hidden ones', () => {
    const plan = planFromHidden([Uint8Array.of(1, 0, 1, 0)], 2);
    expect([...plan.idsKeep]).toEqual([1, 3]);
    expect([...plan.idsRestore]).toEqual([2, 0, 3, 1]);
    expect([...plan.mask]).toEqual([1, 0, 1, 0]);
  });

  it('that hide nothing keep the order', () => {
    const plan = unmaskedPlan({ batch: 2, tokens: 3 });
    expect(plan.keep).toBe(3);
    expect([...plan.idsKeep]).toEqual([0, 1, 2, 0, 1, 2]);
    expect([...plan.idsRestore]).toEqual([0, 1, 2, 0, 1, 2]);
    expect([...plan.mask]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('refuse orders that are not permutations of one length', () => {
    expect(() => planFromOrders([[0, 1, 1]], 1)).toThrow(
      'order of sample 0 does not hold each of 3 tokens once',
    );
    expect(() =>
      planFromOrders(
        [
          [0, 1],
          [0, 1, 2],
        ],
        1,
      ),
    ).toThrow('order of sample 1');
    expect(() =>
      planFromOrders(
        [
          [0, 1],
          [0, 5],
        ],
        1,
      ),
    ).toThrow('order of sample 1');
    expect(() => planFromOrders([[0, 1]], 3)).toThrow('keeps between 1 and 2 tokens, got 3');
    expect(() => planFromOrders([], 1)).toThrow('at least one sample');
  });

  it('go to the device with the shapes that they name', async () => {
    await openBackend('cpu');
    await expectNoLeak(async () => {
      const tensors = uploadPlan(planFromOrders([[2, 0, 3, 1]], 3));
      expect([tensors.idsKeep.shape, tensors.idsRestore.shape, tensors.mask.shape]).toEqual([
        [1, 3],
        [1, 4],
        [1, 4],
      ]);
      expect([tensors.idsKeep.dtype, tensors.idsRestore.dtype, tensors.mask.dtype]).toEqual([
        'int32',
        'int32',
        'float32',
      ]);
      expect([...(await tensors.idsRestore.data())]).toEqual([1, 3, 0, 2]);
      tf.dispose([tensors.idsKeep, tensors.idsRestore, tensors.mask]);
    });
  });
});
