import * as tf from '@tensorflow/tfjs-core';

/** Host numbers, or a tensor to read. */
export type Numbers = ArrayLike<number> | tf.Tensor;

/** The largest difference between two arrays, absolute and relative to the largest expected entry. */
export interface Difference {
  readonly absolute: number;
  readonly relative: number;
}

function read(numbers: Numbers): ArrayLike<number> {
  return numbers instanceof tf.Tensor ? numbers.dataSync() : numbers;
}

/** Compare two arrays of one length. NaN differs from everything, by infinity. */
export function difference(actual: Numbers, expected: Numbers): Difference {
  const a = read(actual);
  const b = read(expected);
  if (a.length !== b.length) throw new Error(`cannot compare ${a.length} numbers with ${b.length}`);
  let absolute = 0;
  let largest = 0;
  for (let i = 0; i < b.length; i++) {
    const gap = Math.abs(a[i]! - b[i]!);
    absolute = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : Math.max(absolute, gap);
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  return { absolute, relative: absolute === 0 ? 0 : absolute / Math.max(largest, 1e-30) };
}

/**
 * Assert that two arrays agree: |actual - expected| <= tolerance * max(1, largest expected entry).
 * @throws with the place and size of the largest difference.
 */
export function expectClose(actual: Numbers, expected: Numbers, tolerance = 1e-4, name = 'values'): void {
  const a = read(actual);
  const b = read(expected);
  const gap = difference(a, b);
  const scale = Math.max(1, ...Array.from(b, Math.abs).reduce((m, x) => (x > m[0]! ? [x] : m), [0]));
  if (gap.absolute <= tolerance * scale) return;
  let worst = 0;
  for (let i = 0; i < b.length; i++)
    if (!(Math.abs(a[i]! - b[i]!) <= Math.abs(a[worst]! - b[worst]!))) worst = i;
  throw new Error(
    `${name} differ: entry ${worst} is ${a[worst]}, expected ${b[worst]} (off by ${gap.absolute}, tolerance ${tolerance * scale})`,
  );
}
