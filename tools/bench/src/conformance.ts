import { openBackend } from '@maehem/backend';
import { withKernelMode } from '@maehem/kernels';
import { fold, type Key, seed } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { type KernelCase, type KernelSizes, prepareKernel } from './kernel-case.js';
import { branchCases, kernelCases } from './kernel-cases.js';

/** How far a kernel is from its reference. */
export interface KernelCheck {
  readonly name: string;
  /** Largest difference of outputs and gradients, relative to the largest entry, or 1. */
  readonly error: number;
  readonly agrees: boolean;
}

/** Odd and even widths, tokens that fill tiles and tokens that do not, head dimensions from 4 to 64. */
const CHECKED_SIZES: readonly KernelSizes[] = [
  { batch: 2, tokens: 16, dim: 32, heads: 2, patch: 48, classes: 10 },
  { batch: 3, tokens: 12, dim: 12, heads: 3, patch: 27, classes: 7 },
  { batch: 1, tokens: 49, dim: 64, heads: 1, patch: 192, classes: 33 },
];

/** Sums in another order, and three significant digits that add up over a branch, forward and backward. */
const TOLERANCE = { float32: 1e-4, float16: 2e-2 };

type Values = readonly ArrayLike<number>[];
type Named = { readonly name: string; readonly entry: KernelCase };

/**
 * Every kernel on WebGPU, forward and backward, against its reference in tfjs's ops on the CPU; the branches of a block also
 * in half precision where the GPU has it. Leaves WebGPU open, in float32.
 */
export async function checkKernels(sizes: readonly KernelSizes[] = CHECKED_SIZES): Promise<KernelCheck[]> {
  const named = (cases: (size: KernelSizes) => KernelCase[]): Named[] =>
    sizes.flatMap((size) => cases(size).map((entry) => ({ entry, name: nameOf(size, entry) })));
  const [all, halves] = [named(kernelCases), named(branchCases)];
  await openBackend('cpu');
  const expected = new Map<string, Values>();
  for (const { entry, name } of all)
    expected.set(name, await withKernelMode('composite', () => compute(entry, keyOf(name))));
  const check = async (cases: readonly Named[], precision: 'float32' | 'float16'): Promise<KernelCheck[]> => {
    const { capabilities } = await openBackend('webgpu');
    if (precision === 'float16' && !capabilities.float16) return [];
    await openBackend('webgpu', { precision });
    const checks: KernelCheck[] = [];
    for (const { entry, name } of cases) {
      const error = errorOf(await compute(entry, keyOf(name)), expected.get(name)!);
      checks.push({ name: `${name} ${precision}`, error, agrees: error <= TOLERANCE[precision] });
    }
    return checks;
  };
  return [...(await check(halves, 'float16')), ...(await check(all, 'float32'))];
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
