import { describe, expect, it } from 'vitest';
import { DivergenceError, watchDivergence } from './index.js';

/** A watch that has seen `steps` losses of 1. */
function watched(steps: number) {
  const watch = watchDivergence();
  for (let step = 0; step < steps; step++) watch({ step, loss: 1, gradNorm: 2, lr: 1e-3 });
  return (loss: number, gradNorm = 2) => watch({ step: steps, loss, gradNorm, lr: 1e-3 });
}

/** The error of a call. */
function caught(call: () => void): DivergenceError {
  try {
    call();
  } catch (error) {
    if (error instanceof DivergenceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('watchDivergence', () => {
  it('lets the first 20 losses jump, then stops at ten times their running mean', () => {
    expect(() => watched(19)(1000)).not.toThrow();
    expect(() => watched(20)(9.9)).not.toThrow();
    expect(() => watched(20)(10.1)).toThrow(DivergenceError);
  });

  it('follows a loss that rises slowly, and one that falls', () => {
    const rising = watchDivergence();
    const falling = watchDivergence();
    for (let step = 0; step < 500; step++) {
      rising({ step, loss: 1.02 ** step, gradNorm: 1, lr: 1 });
      falling({ step, loss: 0.98 ** step, gradNorm: 1, lr: 1 });
    }
    expect(() => falling({ step: 500, loss: 0.5, gradNorm: 1, lr: 1 })).toThrow(DivergenceError);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'stops at once at a loss or a gradient norm of %d',
    (value) => {
      for (const steps of [0, 5, 50]) {
        expect(() => watched(steps)(value)).toThrow(DivergenceError);
        expect(() => watched(steps)(1, value)).toThrow(DivergenceError);
      }
    },
  );

  it('tells what the step looked like, and what to do', () => {
    const error = caught(() => watched(25)(12.5));
    expect(error.report).toEqual({ step: 25, loss: 12.5, gradNorm: 2, lr: 1e-3, meanLoss: 1 });
    expect(error.message).toContain(
      'training diverged at step 25: loss 12.5 (running mean 1.000), gradient norm 2, learning rate 0.001.',
    );
    expect(error.message).toContain('Lower the learning rate or clip gradients');
    expect(caught(() => watched(0)(Number.NaN)).report.meanLoss).toBeNaN();
  });

  it('watches each run by itself', () => {
    watched(25);
    expect(() => watched(0)(1e6)).not.toThrow();
  });
});
