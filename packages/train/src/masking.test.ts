import { smallMaePreset } from '@maehem/mae';
import { blockMasking, gridMasking, randomMasking } from '@maehem/patches';
import { fold, seed } from '@maehem/random';
import { describe, expect, it } from 'vitest';
import { type MaskConfig, maskPlan, visibleTokens } from './index.js';

const key = fold(seed(1), 'mask');
/** 4 rows and 8 columns of patches. */
const model = smallMaePreset('small', { imageSize: [16, 32], patchSize: [4, 4] });
const STRATEGIES: readonly MaskConfig['strategy'][] = ['random', 'block', 'grid'];

describe('maskPlan', () => {
  it('is the plan of the configured strategy, on the grid of the model', () => {
    const options = { batch: 3, ratio: 0.75 };
    const plan = (strategy: MaskConfig['strategy']) => maskPlan(key, { strategy, ratio: 0.75 }, model, 3);
    expect(plan('random')).toEqual(randomMasking(key, { ...options, tokens: 32 }));
    expect(plan('block')).toEqual(blockMasking(key, { ...options, grid: [4, 8] }));
    expect(plan('grid')).toEqual(gridMasking(key, { ...options, grid: [4, 8] }));
  });

  it.each(STRATEGIES)('%s: keeps as many patches as visibleTokens says, in each sample', (strategy) => {
    for (const [ratio, keep] of [
      [0.75, 8],
      [0.5, 16],
      [0.9, 3],
    ] as const) {
      const plan = maskPlan(key, { strategy, ratio }, model, 2);
      expect(visibleTokens({ strategy, ratio }, model)).toBe(keep);
      expect(plan).toMatchObject({ batch: 2, tokens: 32, keep });
      for (const sample of [0, 1])
        expect(plan.mask.subarray(sample * 32, (sample + 1) * 32).reduce((sum, x) => sum + x)).toBe(
          32 - keep,
        );
    }
  });

  it.each(STRATEGIES)('%s: is a function of the key', (strategy) => {
    const plan = (name: string) => maskPlan(fold(key, name), { strategy, ratio: 0.75 }, model, 4);
    expect(plan('a')).toEqual(plan('a'));
    expect(plan('a').mask).not.toEqual(plan('b').mask);
  });

  it.each(STRATEGIES)('%s: refuses a ratio that leaves nothing to see', (strategy) => {
    expect(() => maskPlan(key, { strategy, ratio: 1 }, model, 1)).toThrow(
      'mask ratio must be in [0, 1), got 1',
    );
    expect(() => visibleTokens({ strategy, ratio: 0.99 }, model)).toThrow('hides all of 32 patches');
  });
});
