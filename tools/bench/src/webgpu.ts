import { openBackend } from '@maehem/backend';
import { attention, linear, mlp } from '@maehem/kernels';
import { fold, type Key, normal, seed as rootKey } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { type GpuUse, meterGpu } from './gpu-meter.js';
import { describeMachine, type Machine } from './machine.js';
import { median } from './step.js';

export interface WebGpuOptions {
  readonly runs: number;
  readonly seed: number;
  /** Images a batch: what rows follow from. */
  readonly batch: number;
  /** ViT-B/16's widths and tokens, or as good as none: a software adapter takes minutes for the former. */
  readonly size: 'nano' | 'b16';
  readonly log: (line: string) => void;
}

interface KernelRow {
  readonly name: string;
  /** Of one forward and backward pass. */
  readonly medianMs: number;
  readonly gflops: number;
  /** Of the bytes that must be moved: each input and output once. */
  readonly gigabytesPerSecond: number;
  readonly dispatches: number;
}

/** The form of every benchmark's `--json`. */
export interface WebGpuReport {
  readonly backend: 'webgpu';
  readonly device: string;
  readonly size: string;
  readonly batch: number;
  readonly machine: Machine;
  readonly runs: number;
  readonly rows: readonly KernelRow[];
}

/** Passes that are timed together: reading the result costs as much as many small kernels. */
const REPEATS = 10;
const WARM_UP = 2;

interface Sizes {
  readonly dim: number;
  readonly heads: number;
  readonly tokens: number;
}

const SIZES: Readonly<Record<'nano' | 'b16', Sizes>> = {
  nano: { dim: 32, heads: 2, tokens: 17 },
  b16: { dim: 768, heads: 12, tokens: 50 },
};

/** A kernel as a function of tensors, and what it takes. */
interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Multiply-adds of the forward pass. */
  readonly products: number;
  /** How many times that is done in both passes. */
  readonly passes: number;
}

function cases({ dim, heads, tokens }: Sizes, batch: number): Case[] {
  const layer = (weight: tf.Tensor, bias: tf.Tensor) => ({
    weight: weight as tf.Tensor2D,
    bias: bias as tf.Tensor1D,
  });
  const dense = (name: string, inputs: number, outputs: number): Case => ({
    name: `${name}: linear ${inputs} to ${outputs}`,
    shapes: [[batch, tokens, inputs], [outputs, inputs], [outputs]],
    run: (x, weight, bias) => linear(layer(weight!, bias!), x!),
    products: batch * tokens * inputs * outputs,
    passes: 3,
  });
  return [
    dense('qkv', dim, 3 * dim),
    dense('proj', dim, dim),
    {
      name: `mlp ${dim} to ${4 * dim} to ${dim}`,
      shapes: [[batch, tokens, dim], [4 * dim, dim], [4 * dim], [dim, 4 * dim], [dim]],
      run: (x, weight1, bias1, weight2, bias2) => mlp(layer(weight1!, bias1!), layer(weight2!, bias2!), x!),
      products: 2 * batch * tokens * dim * 4 * dim,
      passes: 3,
    },
    {
      name: `attention, ${heads} heads of ${dim / heads}`,
      shapes: [[batch, tokens, 3 * dim]],
      run: (qkv) => attention(qkv as tf.Tensor3D, heads),
      products: 2 * batch * tokens * tokens * dim,
      // Scores and sums forward; backward three products for dQ and four for dK and dV.
      passes: 4.5,
    },
  ];
}

/** Time the heavy kernels, forward and backward, interleaved. */
export async function benchWebGpu(options: WebGpuOptions): Promise<WebGpuReport> {
  const { runs, seed, batch, size, log } = options;
  const meter = await meterGpu();
  const { description } = await openBackend('webgpu');
  const entrants = cases(SIZES[size], batch).map((entry) => ({
    entry,
    pass: prepare(fold(rootKey(seed), entry.name), entry),
    times: [] as number[],
    use: undefined as GpuUse | undefined,
  }));
  for (let run = 0; run < WARM_UP + runs; run++)
    for (const entrant of entrants) {
      meter.take();
      const start = performance.now();
      for (let repeat = 1; repeat < REPEATS; repeat++) tf.dispose(entrant.pass());
      await finish(entrant.pass());
      if (run >= WARM_UP) entrant.times.push((performance.now() - start) / REPEATS);
      entrant.use = meter.take();
      log(`${run < WARM_UP ? 'warm-up' : run + 1 - WARM_UP} ${entrant.entry.name}`);
    }
  const rows = entrants.map(({ entry, times, use }): KernelRow => {
    const medianMs = median(times);
    return {
      ...{ name: entry.name, medianMs, gflops: (2 * entry.products * entry.passes) / medianMs / 1e6 },
      gigabytesPerSecond: bytesOf(entry) / medianMs / 1e6,
      dispatches: use!.dispatches / REPEATS,
    };
  });
  return { backend: 'webgpu', device: description, size, batch, machine: describeMachine(), runs, rows };
}

/** A function that does one forward and backward pass, and returns the gradients. */
function prepare(key: Key, { shapes, run }: Case): () => tf.Tensor[] {
  const inputs = shapes.map((shape, index) => {
    const count = shape.reduce((product, n) => product * n, 1);
    return tf.tensor(normal(fold(key, index), count), [...shape]);
  });
  const dy = tf.tidy(() => tf.ones(run(...inputs).shape));
  return () => {
    const { value, grads } = tf.tidy(() =>
      tf.valueAndGrads((...args: tf.Tensor[]) => run(...args))(inputs, dy),
    );
    value.dispose();
    return grads;
  };
}

/** Wait until the GPU has done all that was recorded, by reading the smallest gradient. */
async function finish(grads: tf.Tensor[]): Promise<void> {
  const smallest = grads.reduce((a, b) => (a.size < b.size ? a : b));
  await smallest.data();
  tf.dispose(grads);
}

/** Inputs are read twice, forward and backward, and a gradient is written for each; outputs come and go once. */
function bytesOf({ shapes }: Case): number {
  return 4 * 3 * shapes.reduce((sum, shape) => sum + shape.reduce((product, n) => product * n, 1), 0);
}
