import { describe, expect, it } from 'vitest';
import { assertSameLosses, median } from './step.js';

describe('step', () => {
  it('takes the middle run, or the mean of the two in the middle', () => {
    expect(median([5, 1, 9])).toBe(5);
    expect(median([4, 1, 9, 2])).toBe(3);
  });

  it('refuses peers whose losses part, or are no numbers', () => {
    const first = { name: 'naive', losses: [2, 1.5, 1] };
    assertSameLosses([first, { name: 'jaxjs', losses: [2.0009, 1.5, 0.9995] }], 1e-3);
    expect(() => assertSameLosses([first, { name: 'jaxjs', losses: [2, 1.5, 1.0011] }], 1e-3)).toThrow(
      'naive 2.000000 1.500000 1.000000; jaxjs 2.000000 1.500000 1.001100',
    );
    expect(() => assertSameLosses([first, { name: 'jaxjs', losses: [2, Number.NaN, 1] }], 1e-3)).toThrow(
      'same work',
    );
  });
});
