import { type Backend, openBackend } from '@maehem/backend';
import { matMul } from '@maehem/kernels';
import { fold, normal, seed as rootKey } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import type { ConfigName } from '../configs.js';
import { checkKernels, type KernelCheck } from '../conformance.js';
import type { GpuRecorder } from '../gpu-recorder.js';
import type { KernelTime } from '../gpu-timer.js';
import { describeMachine, type Machine } from '../machine.js';
import { openPeerGpu } from '../peer-gpu.js';
import { benchStep, type StepReport } from '../step.js';
import { stepFlops, sum } from '../webgpu.js';

export interface GpuOptions {
  /** What to train, and with how many images a step. */
  readonly work: readonly { readonly config: ConfigName; readonly batch: number }[];
  /** Whom to compare with, the own peer first. */
  readonly peers: readonly string[];
  readonly runs: number;
  /** The card's f32 peak in GFLOP/s, where it is known; measured by the best product otherwise. */
  readonly peakGflops?: number;
  /** Rows and columns of the products that are tried for it. */
  readonly gemmSizes: readonly number[];
  readonly log: (line: string) => void;
}

/** A product of our own kernels. */
interface GemmRow {
  readonly name: string;
  readonly size: number;
  readonly gflops: number;
}

/** Steps of one model, and where our own step's time goes in each precision. */
interface WorkReport {
  readonly step: StepReport;
  /** Products of a step, forward and backward. */
  readonly gflop: number;
  readonly kernels: readonly { readonly peer: string; readonly times: readonly KernelTime[] }[];
}

/** The form of every benchmark's `--json`. */
export interface GpuReport {
  readonly device: string;
  readonly details: Readonly<Record<string, string>>;
  readonly machine: Machine;
  readonly checks: readonly KernelCheck[];
  readonly gemm: readonly GemmRow[];
  readonly peakGflops: number;
  readonly peakFrom: 'given' | 'measured';
  readonly work: readonly WorkReport[];
}

/**
 * Everything that is to be known of a real GPU: that the kernels are right, the card's peak, and steps beside PyTorch's.
 * @throws when a kernel is wrong: it makes no figure.
 */
export async function benchGpu(options: GpuOptions): Promise<GpuReport> {
  const { log, peakGflops } = options;
  const recorder = await openPeerGpu('timed');
  const checks = await checkKernels();
  const wrong = checks.filter(({ agrees }) => !agrees);
  if (wrong.length > 0)
    throw new Error(`wrong kernels: ${wrong.map(({ name, error }) => `${name} by ${error}`).join('; ')}`);
  log(`${checks.length} kernels agree with their references`);
  const backend = await openBackend('webgpu');
  log(backend.description);
  const gemm = await timeProducts(options, recorder);
  const best = Math.max(...gemm.map(({ gflops }) => gflops));
  const work: WorkReport[] = [];
  for (const entry of options.work) work.push(await benchWork(entry, options));
  return {
    ...{
      device: backend.description,
      details: detailsOf(backend),
      machine: describeMachine(),
      checks,
      gemm,
      work,
    },
    ...{ peakGflops: peakGflops ?? best, peakFrom: peakGflops === undefined ? 'measured' : 'given' },
  };
}

function detailsOf({ details = {} }: Backend): Readonly<Record<string, string>> {
  return details;
}

const REPEATS = 5;

/** Square products in every layout, the best of a few. */
async function timeProducts({ gemmSizes, log }: GpuOptions, recorder: GpuRecorder): Promise<GemmRow[]> {
  const rows: GemmRow[] = [];
  for (const size of gemmSizes)
    for (const [name, transposeA, transposeB] of [
      ['A B', false, false],
      ['A Bt', false, true],
      ['At B', true, false],
    ] as const) {
      const matrix = (label: string) =>
        tf.tensor2d(normal(fold(rootKey(size), label), size * size), [size, size]);
      const [a, b] = [matrix('a'), matrix('b')];
      const times: number[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        await recorder.take();
        const start = performance.now();
        const product = matMul(a, b, { transposeA, transposeB });
        // Something small to wait for, after it.
        const corner = tf.tidy(() => tf.sum(tf.slice(product, [0, 0], [1, 1])));
        await corner.data();
        const wallMs = performance.now() - start;
        tf.dispose([product, corner]);
        const gemmTimes = (await recorder.take()).kernels?.filter((kernel) => kernel.name.startsWith('gemm'));
        times.push(gemmTimes === undefined || gemmTimes.length === 0 ? wallMs : sum(gemmTimes, 'ms'));
      }
      tf.dispose([a, b]);
      const row = { name, size, gflops: (2 * size ** 3) / Math.min(...times) / 1e6 };
      log(`${name}, ${size}: ${row.gflops.toFixed(1)} GFLOP/s`);
      rows.push(row);
    }
  return rows;
}

async function benchWork(
  { config, batch }: GpuOptions['work'][number],
  { peers, runs, log }: GpuOptions,
): Promise<WorkReport> {
  const engine = { backend: 'webgpu', precision: 'float32' } as const;
  const common = { config, batch, seed: 0, log };
  const step = await benchStep({ ...common, engine, peers, runs });
  const kernels: { peer: string; times: readonly KernelTime[] }[] = [];
  for (const { name } of step.rows) {
    if (!name.startsWith('maehem')) continue;
    const timed = await benchStep({ ...common, engine: { ...engine, gpu: 'timed' }, peers: [name], runs: 1 });
    kernels.push({ peer: name, times: timed.rows[0]!.gpu?.kernels ?? [] });
  }
  return { step, gflop: stepFlops(config, batch) / 1e9, kernels };
}
