import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFolder } from '@maehem/testing';
import { describe, expect, it } from 'vitest';
import { constant, linearScaledLr, warmupCosine } from './index.js';

interface GoldenSchedule {
  readonly lr: number;
  readonly min_lr: number;
  readonly warmup_epochs: number;
  readonly epochs: number;
  readonly points: readonly (readonly [epoch: number, lr: number])[];
}

describe('warmupCosine', () => {
  const schedule = warmupCosine({ baseLr: 1, minLr: 0.2, warmupSteps: 10, totalSteps: 30 });

  it('grows from 0, peaks at the end of the warmup, and falls by a cosine', () => {
    expect([0, 5, 10, 20, 30].map(schedule)).toEqual([0, 0.5, 1, 0.6000000000000001, 0.2]);
  });

  it('stays down after the last step', () => {
    expect(schedule(45)).toBe(0.2);
  });

  it('takes no warmup, and nothing but warmup', () => {
    expect(warmupCosine({ baseLr: 1, warmupSteps: 0, totalSteps: 2 })(0)).toBe(1);
    const warmup = warmupCosine({ baseLr: 1, warmupSteps: 2, totalSteps: 2 });
    expect([0, 1, 2].map(warmup)).toEqual([0, 0.5, 0]);
    const cutShort = warmupCosine({ baseLr: 1, warmupSteps: 4, totalSteps: 2 });
    expect([0, 1, 2, 4].map(cutShort)).toEqual([0, 0.25, 0.5, 0]);
  });

  it('refuses what makes no sense', () => {
    const options = { baseLr: 1, warmupSteps: 1, totalSteps: 10 };
    expect(() => warmupCosine({ ...options, warmupSteps: -1 })).toThrow(
      'warmupSteps must be a number of at least 0, got -1',
    );
    expect(() => warmupCosine({ ...options, baseLr: Number.NaN })).toThrow('baseLr must be');
    expect(() => warmupCosine({ ...options, totalSteps: 0 })).toThrow(
      'totalSteps must be a positive number, got 0',
    );
  });

  it('is the reference schedule, set every iteration', (context) => {
    const folder = sharedFolder('parity');
    if (folder === undefined) return context.skip('no ../shared/parity beside the checkout');
    const stepsPerEpoch = 4;
    const goldens: GoldenSchedule[] = JSON.parse(
      readFileSync(join(folder, 'schedules.json'), 'utf8'),
    ).warmup_cosine;
    expect(goldens.length).toBe(2);
    for (const golden of goldens) {
      const reference = warmupCosine({
        baseLr: golden.lr,
        minLr: golden.min_lr,
        warmupSteps: golden.warmup_epochs * stepsPerEpoch,
        totalSteps: golden.epochs * stepsPerEpoch,
      });
      for (const [epoch, lr] of golden.points)
        expect(Math.abs(reference(epoch * stepsPerEpoch) - lr)).toBeLessThanOrEqual(1e-14 * golden.lr);
    }
  });
});

describe('other rates', () => {
  it('constant is', () => {
    expect([0, 7, 1e6].map(constant(3e-4))).toEqual([3e-4, 3e-4, 3e-4]);
  });

  it('scales with the batch', () => {
    expect(linearScaledLr(1.5e-4, 4096)).toBeCloseTo(2.4e-3, 15);
    expect(() => linearScaledLr(1.5e-4, 0)).toThrow('effective batch');
  });
});
