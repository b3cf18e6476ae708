import * as tf from '@tensorflow/tfjs-core';

/** Host numbers, or a tensor to read. */
export type Numbers = ArrayLike<number> | tf.Tensor;

/** The largest difference between two arrays, absolute and relative to the largest expected entry. */
export interface Difference {
  readonly absolute: number;
  readonly relative: number;
}

/** GPUs are read asynchronously; the reading is under way when this returns, so a tensor may go afterwards. */
function read(numbers: Numbers): Promise<ArrayLike<number>> {
  return numbers instanceof tf.Tensor ? numbers.data() : Promise.resolve(numbers);
}

/** Compare two arrays of one length. NaN differs from everything, by infinity. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): Difference {
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
 * Assert that two arrays agree: |actual - expected| <= tolerance * max(1, largest expected entry). Await it.
 * @throws with the place and size of the largest difference.
 */
export async function expectClose(
  actual: Numbers,
  expected: Numbers,
  tolerance = 1e-4,
  name = 'values',
): Promise<void> {
  const [a, b] = (await Promise.all([read(actual), read(expected)])) as [
    ArrayLike<number>,
    ArrayLike<number>,
  ];
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
