/** Host numbers. */
export type Numbers = ArrayLike<number>;

/** How far two arrays lie apart. */
export interface Difference {
  /** The largest difference. */
  readonly absolute: number;
  /** The same over the largest expected entry. */
  readonly relative: number;
  readonly mean: number;
}

const INCOMPARABLE: Difference = {
  absolute: Number.POSITIVE_INFINITY,
  relative: Number.POSITIVE_INFINITY,
  mean: Number.POSITIVE_INFINITY,
};

/** Compare two arrays; infinite where their lengths differ or a number is NaN. */
export function difference(actual: Numbers, expected: Numbers): Difference {
  if (actual.length !== expected.length) return INCOMPARABLE;
  let absolute = 0;
  let sum = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs(actual[i]! - expected[i]!);
    if (Number.isNaN(gap)) return INCOMPARABLE;
    absolute = Math.max(absolute, gap);
    sum += gap;
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  const relative = absolute === 0 ? 0 : absolute / Math.max(largest, 1e-30);
  return { absolute, relative, mean: sum / Math.max(expected.length, 1) };
}
