import { openBackend } from '@maehem/backend';
import { matMul } from '@maehem/kernels';
import { fold, type Key, normal, seed as rootKey } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { describeMachine, type Machine } from './machine.js';
import { median } from './step.js';

export interface GemmOptions {
  readonly runs: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

interface GemmRow {
  /** `tfjs A B`, or one of ours. */
  readonly name: string;
  /** Rows, columns and depth of the square product. */
  readonly size: number;
  readonly medianMs: number;
  readonly bestMs: number;
  /** At the median. */
  readonly gflops: number;
  readonly bestGflops: number;
}

/** The form of every benchmark's `--json`. */
export interface GemmReport {
  readonly backend: 'wasm';
  readonly machine: Machine;
  readonly runs: number;
  readonly rows: readonly GemmRow[];
}

const SIZES = [256, 384, 512, 768, 1024];
const WARM_UP = 5;

type Product = (a: tf.Tensor2D, b: tf.Tensor2D) => tf.Tensor;

/** tfjs is timed without transposes only: with them it takes a scalar path, fifteen times as slow. */
const PRODUCTS: Readonly<Record<string, Product>> = {
  'tfjs A B': (a, b) => tf.matMul(a, b),
  'A B': (a, b) => matMul(a, b),
  'A Bt': (a, b) => matMul(a, b, { transposeB: true }),
  'At B': (a, b) => matMul(a, b, { transposeA: true }),
};

/** Time square products of our wasm kernels and tfjs's, interleaved, with fresh outputs for each. */
export async function benchGemm({ runs, seed, log }: GemmOptions): Promise<GemmReport> {
  await openBackend('wasm');
  const rows: GemmRow[] = [];
  for (const size of SIZES) {
    rows.push(...timeProducts(fold(rootKey(seed), size), size, runs));
    log(`${size}: done`);
  }
  return { backend: 'wasm', machine: describeMachine(), runs, rows };
}

function timeProducts(key: Key, size: number, runs: number): GemmRow[] {
  const matrix = (name: string) => tf.tensor2d(normal(fold(key, name), size * size), [size, size]);
  const a = matrix('a');
  const b = matrix('b');
  const times = new Map<string, number[]>(Object.keys(PRODUCTS).map((name) => [name, []]));
  for (let run = 0; run < WARM_UP + runs; run++)
    for (const [name, product] of Object.entries(PRODUCTS)) {
      const start = performance.now();
      product(a, b).dispose();
      if (run >= WARM_UP) times.get(name)!.push(performance.now() - start);
    }
  tf.dispose([a, b]);
  const gflops = (ms: number) => (2 * size ** 3) / ms / 1e6;
  return [...times].map(([name, ms]) => {
    const medianMs = median(ms);
    const bestMs = Math.min(...ms);
    return { name, size, medianMs, bestMs, gflops: gflops(medianMs), bestGflops: gflops(bestMs) };
  });
}
