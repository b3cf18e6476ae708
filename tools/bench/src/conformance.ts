import { type OpenOptions, openBackend } from '@maehem/backend';
import { withKernelMode } from '@maehem/kernels';
import { fold, type Key, seed } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { type KernelCase, type KernelSizes, prepareKernel } from './kernel-case.js';
import { branchCases, kernelCases } from './kernel-cases.js';

/** How far a kernel is from its reference. */
export interface KernelCheck {
  readonly name: string;
  /** Largest difference of outputs and gradients, relative to the largest entry, or 1; absent where there are none. */
  readonly error?: number;
  readonly agrees: boolean;
  /** Why there are no results. */
  readonly failure?: string;
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

/** How WebGPU is opened for a check. */
type Variant = Required<Pick<OpenOptions, 'precision' | 'tensorCores'>>;
const FLOAT32: Variant = { precision: 'float32', tensorCores: false };
const FLOAT16: Variant = { precision: 'float16', tensorCores: false };
const TENSOR_CORES: Variant = { precision: 'float16', tensorCores: true };

/**
 * Every kernel on WebGPU, forward and backward, against its reference in tfjs's own ops on the CPU; the branches of a block also
 * in half precision, and on tensor cores, where the GPU has them. Leaves WebGPU open, in float32.
 * @param productsOn where references with matrix products are computed: the CPU takes minutes for those of a real model
 */
export async function checkKernels(
  sizes: readonly KernelSizes[] = CHECKED_SIZES,
  productsOn: 'cpu' | 'webgpu' = 'cpu',
): Promise<KernelCheck[]> {
  const named = (cases: (size: KernelSizes) => KernelCase[]): Named[] =>
    sizes.flatMap((size) => cases(size).map((entry) => ({ entry, name: nameOf(size, entry) })));
  const [all, halves] = [named(kernelCases), named(branchCases)];
  const expected = new Map<string, Values>();
  for (const backend of ['cpu', 'webgpu'] as const) {
    const here = all.filter(({ entry }) => (entry.flops === undefined ? 'cpu' : productsOn) === backend);
    if (here.length > 0) await openBackend(backend);
    for (const { entry, name } of here)
      expected.set(name, await withKernelMode('composite', () => compute(entry, keyOf(name))));
  }
  const checks: KernelCheck[] = [];
  for (const [variant, cases] of [
    [TENSOR_CORES, halves],
    [FLOAT16, halves],
    [FLOAT32, all],
  ] as const) {
    if (!(await opens(variant))) continue;
    for (const { entry, name } of cases) checks.push(await check(entry, name, variant, expected.get(name)!));
  }
  return checks;
}

/** @returns whether the GPU has it. @throws where there is no WebGPU at all. */
async function opens(variant: Variant): Promise<boolean> {
  try {
    await openBackend('webgpu', variant);
    return true;
  } catch (error) {
    if (variant === FLOAT32) throw error;
    return false;
  }
}

async function check(
  entry: KernelCase,
  name: string,
  { precision, tensorCores }: Variant,
  expected: Values,
): Promise<KernelCheck> {
  const title = `${name} ${precision}${tensorCores ? ' on tensor cores' : ''}`;
  try {
    const error = errorOf(await compute(entry, keyOf(name)), expected);
    return { name: title, error, agrees: error <= TOLERANCE[precision as 'float32' | 'float16'] };
  } catch (error) {
    return { name: title, agrees: false, failure: error instanceof Error ? error.message : String(error) };
  }
}

/** A kernel's name, and at which size. */
export function nameOf({ batch, tokens, dim }: KernelSizes, { name }: KernelCase): string {
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
