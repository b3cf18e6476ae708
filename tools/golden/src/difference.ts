/** Host numbers. */
export type Numbers = ArrayLike<number>;

/** The largest difference, absolute and over the largest expected entry; infinite for lengths that differ and NaN. */
export function difference(actual: Numbers, expected: Numbers): { absolute: number; relative: number } {
  if (actual.length !== expected.length) return { absolute: Number.POSITIVE_INFINITY, relative: Number.POSITIVE_INFINITY };
  let absolute = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs(actual[i]! - expected[i]!);
    absolute = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : Math.max(absolute, gap);
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return { absolute, relative: absolute === 0 ? 0 : absolute / Math.max(largest, 1e-30) };
}
