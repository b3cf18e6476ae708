import { openBackend } from '@maehem/backend';
import { withKernelMode } from '@maehem/kernels';
import { describe, expect, it } from 'vitest';
import { computeFigures, type Figures, GOLDEN, judge } from './golden.js';

describe('the golden figures of maehem doctor', () => {
  it('are what the reference gives; when the model is meant to change, here are the new ones', async () => {
    await openBackend('cpu');
    const figures = await withKernelMode('composite', computeFigures);
    const rounded = (value: unknown): unknown =>
      typeof value === 'number' ? Number(value.toPrecision(7)) : value;
    const text = JSON.stringify(figures, (_, value: unknown) => rounded(value), 2);
    expect(judge(figures).error, text).toBeLessThan(2e-6);
  });

  it.each(['wasm', 'cpu'] as const)('are those of %s', async (name) => {
    await openBackend(name);
    const { right, error } = judge(await computeFigures());
    expect(right).toBe(true);
    expect(error).toBeLessThan(2e-5);
  });

  it('tell a wrong loss, a gradient of the wrong size and one of the wrong direction', () => {
    const wrong = (change: Partial<Figures>) => judge({ ...GOLDEN, ...change });
    expect(judge(GOLDEN)).toMatchObject({ right: true, error: 0 });
    const [first, second, third] = GOLDEN.losses as [number, number, number];
    expect(wrong({ losses: [first, second, third * 1.01] })).toMatchObject({
      right: false,
      figure: 'loss of step 3',
    });
    expect(wrong({ losses: [Number.NaN, second, third] })).toMatchObject({
      right: false,
      error: Number.POSITIVE_INFINITY,
    });
    const [norm, direction] = GOLDEN.gradients['mask_token']!;
    const gradient = (size: number, along: number) => ({
      gradients: { ...GOLDEN.gradients, mask_token: [size, along] as const },
    });
    expect(wrong(gradient(2 * norm, direction)).figure).toBe('size of the gradient of mask_token');
    expect(wrong(gradient(norm, -direction)).figure).toBe('direction of the gradient of mask_token');
  });
});
