import { describe, expect, it } from 'vitest';
import { adamw } from './index.js';

describe('adamw', () => {
  it('corrects the bias of step t by 1 - beta^(t + 1), with the betas of the paper', () => {
    const { numbers } = adamw({ schedule: (step) => step / 10, treatments: {} });
    const first = numbers(0);
    expect(first['lr']).toBe(0);
    expect(first['correction1']).toBeCloseTo(0.1, 12);
    expect(first['correction2']).toBeCloseTo(0.05, 12);
    const third = numbers(2);
    expect(third['lr']).toBe(0.2);
    expect(third['correction1']).toBeCloseTo(0.271, 12);
    expect(third['correction2']).toBeCloseTo(0.142625, 12);
  });

  it('takes other betas', () => {
    const { numbers } = adamw({ schedule: () => 1, treatments: {}, beta1: 0.5, beta2: 0.999 });
    expect(numbers(1)['correction1']).toBe(0.75);
    expect(numbers(1)['correction2']).toBeCloseTo(0.001999, 12);
  });
});
