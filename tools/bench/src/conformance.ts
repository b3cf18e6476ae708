import { type OpenOptions, openBackend } from '@maehem/backend';
import { withKernelMode } from '@maehem/kernels';
import { fold, type Key, seed } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { type KernelCase, type KernelSizes, kernelCases, prepareKernel } from './kernel-cases.js';

/** How far a kernel is from its reference. */
export interface KernelCheck {
  readonly name: string;
  /** Largest difference of outputs and gradients, relative to the largest entry, or 1. */
  readonly error: number;
  readonly agrees: boolean;
}

/** Odd and even widths, tokens that fill tiles and tokens that do not, head dimensions from 4 to 64. */
export const CHECKED_SIZES: readonly KernelSizes[] = [
  { batch: 2, tokens: 16, dim: 32, heads: 2, patch: 48, classes: 10 },
  { batch: 3, tokens: 12, dim: 12, heads: 3, patch: 27, classes: 7 },
  { batch: 1, tokens: 49, dim: 64, heads: 1, patch: 192, classes: 33 },
];

/** Sums of float32 in another order. */
const TOLERANCE = 1e-4;

type Values = readonly ArrayLike<number>[];

/**
 * Every kernel on WebGPU, forward and backward, against its reference in tfjs's ops on the CPU. Leaves WebGPU open.
 * @param open which adapter
 */
export async function checkKernels(
  open: OpenOptions,
  sizes: readonly KernelSizes[] = CHECKED_SIZES,
): Promise<KernelCheck[]> {
  const cases = sizes.flatMap((size) =>
    kernelCases(size).map((entry) => ({ entry, name: nameOf(size, entry) })),
  );
  await openBackend('cpu');
  const expected: Values[] = [];
  for (const { entry, name } of cases)
    expected.push(await withKernelMode('composite', () => compute(entry, keyOf(name))));
  await openBackend('webgpu', open);
  const checks: KernelCheck[] = [];
  for (const [index, { entry, name }] of cases.entries())
    checks.push(checkOf(name, errorOf(await compute(entry, keyOf(name)), expected[index]!)));
  return checks;
}

function checkOf(name: string, error: number): KernelCheck {
  return { name, error, agrees: error <= TOLERANCE };
}

function nameOf({ batch, tokens, dim }: KernelSizes, { name }: KernelCase): string {
  return `${name} [${batch}, ${tokens}, ${dim}]`;
}

function keyOf(name: string): Key {
  return fold(seed(2), name);
}

async function compute(entry: KernelCase, key: Key): Promise<Values> {
  const pass = prepareKernel(entry, key);
  const results = pass.run();
  const values = await Promise.all(results.map((tensor) => tensor.data()));
  tf.dispose(results);
  pass.dispose();
  return values;
}

/** What is no number differs by infinity. */
function errorOf(actual: Values, expected: Values): number {
  return Math.max(
    ...expected.map((values, index) => {
      let [gap, scale] = [0, 1];
      for (let i = 0; i < values.length; i++) {
        const difference = Math.abs(actual[index]![i]! - values[i]!);
        gap = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(gap, difference);
        scale = Math.max(scale, Math.abs(values[i]!));
      }
      return gap / scale;
    }),
  );
}
