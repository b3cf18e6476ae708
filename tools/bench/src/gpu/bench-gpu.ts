import { type Backend, openBackend, type Precision } from '@maehem/backend';
import { matMul, type TunedKernel, type Tuning } from '@maehem/kernels';
import { fold, normal, seed as rootKey } from '@maehem/random';
import { pretrainDefaults, tunePretraining } from '@maehem/train';
import * as tf from '@tensorflow/tfjs-core';
import { CONFIGS, type ConfigName } from '../configs.js';
import { checkKernels, type KernelCheck } from '../conformance.js';
import type { GpuRecorder } from '../gpu-recorder.js';
import type { KernelTime } from '../gpu-timer.js';
import { kernelSizes } from '../kernel-sizes.js';
import { describeMachine, type Machine } from '../machine.js';
import { openPeerGpu } from '../peer-gpu.js';
import { parsePeer } from '../peers.js';
import { benchStep, type StepReport } from '../step.js';
import { type KernelRow, stepFlops, sum, timeKernels } from '../webgpu.js';

interface Work {
  readonly config: ConfigName;
  /** Images a step. */
  readonly batch: number;
}

export interface GpuOptions {
  /** What to train. */
  readonly work: readonly Work[];
  /** Whom to compare with, the own peer first. */
  readonly peers: readonly string[];
  readonly runs: number;
  /** No part begins after these. */
  readonly minutes: number;
  /** For each tuning. */
  readonly tuneSeconds: number;
  /** The card's f32 peak in GFLOP/s, where it is known; measured by the best product otherwise. */
  readonly peakGflops?: number;
  /** Rows and columns of the products that are tried for it. */
  readonly gemmSizes: readonly number[];
  readonly log: (line: string) => void;
  /** Called after each part with all that is known: nothing is lost to a machine that is taken away. */
  readonly keep: (report: GpuReport) => void;
}

/** A product of our own kernels. */
interface GemmRow {
  readonly name: string;
  readonly size: number;
  readonly gflops: number;
}

/** Steps of one model. */
interface StepPart extends Work {
  readonly step: StepReport;
  /** Products of a step, forward and backward. */
  readonly gflop: number;
}

/** Where a step's time goes, dispatch by dispatch. */
interface TracePart extends Work {
  readonly peer: string;
  readonly times: readonly KernelTime[];
}

/** How our own peer is opened for a part. */
interface Way {
  readonly precision: Precision;
  readonly tensorCores: boolean;
}

interface KernelPart extends Work, Way {
  readonly rows: readonly KernelRow[];
}

interface TuningPart extends Work, Way {
  readonly kernels: readonly TunedKernel[];
  readonly missing: number;
  readonly step?: { readonly usualMs: number; readonly ms: number };
  readonly tuning: Tuning;
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
  readonly steps: readonly StepPart[];
  readonly traces: readonly TracePart[];
  readonly kernels: readonly KernelPart[];
  readonly tunings: readonly TuningPart[];
  /** Parts that ended in an error or were not begun, and why. */
  readonly failed: readonly { readonly part: string; readonly reason: string }[];
}

/**
 * Everything that is to be known of a real GPU, what matters most first: that the kernels are right, at small sizes and
 * at those of real models; the card's peak; steps beside PyTorch's; kernels one by one; what tuning gains.
 */
export async function benchGpu(options: GpuOptions): Promise<GpuReport> {
  const { work, peakGflops, minutes, log, keep } = options;
  const until = performance.now() + 60_000 * minutes;
  const recorder = await openPeerGpu('timed');
  const backend = await openBackend('webgpu');
  log(backend.description);
  let report: GpuReport = {
    ...{ device: backend.description, details: detailsOf(backend), machine: describeMachine() },
    ...{ checks: [], gemm: [], steps: [], traces: [], kernels: [], tunings: [], failed: [] },
    ...{ peakGflops: peakGflops ?? 0, peakFrom: peakGflops === undefined ? 'measured' : 'given' },
  };
  const part = async (name: string, measure: () => Promise<Partial<GpuReport>>): Promise<void> => {
    const skip = performance.now() > until;
    log(skip ? `${name}: no time left` : name);
    const found = skip ? 'no time left' : await measure().catch(reasonOf);
    const told =
      typeof found === 'string' ? { failed: [...report.failed, { part: name, reason: found }] } : found;
    report = { ...report, ...told };
    keep(report);
  };
  const { peers, missing } = await offered(options.peers);
  if (missing !== undefined) report = { ...report, failed: [{ part: 'tensor cores', reason: missing }] };
  const own = peers.filter((name) => parsePeer(name).name === 'maehem');
  await part('kernels against the CPU', async () => ({ checks: await checkKernels() }));
  await part('kernels at the sizes of the models', async () => ({
    checks: [...report.checks, ...(await checkLarge(work))],
  }));
  await part('products', async () => {
    const gemm = await timeProducts(options, recorder);
    return { gemm, peakGflops: peakGflops ?? Math.max(...gemm.map(({ gflops }) => gflops)) };
  });
  for (const [index, entry] of work.entries()) {
    await part(`steps of ${entry.config}`, async () => ({
      steps: [...report.steps, await timeSteps(entry, { ...options, peers }, until)],
    }));
    for (const way of own.map(wayOf))
      await part(`kernels of ${entry.config}, ${wayName(way)}`, async () => {
        const rows = await timeKernels(
          { ...entry, ...way, runs: KERNEL_RUNS, seed: 0, log: quiet },
          recorder,
        );
        return { kernels: [...report.kernels, { ...entry, ...way, rows }] };
      });
    for (const way of index === 0 && options.tuneSeconds > 0 ? own.map(wayOf) : [])
      await part(`tuning for ${entry.config}, ${wayName(way)}`, async () => ({
        tunings: [...report.tunings, await tune(entry, way, options)],
      }));
  }
  for (const entry of work)
    for (const peer of own)
      await part(`dispatches of ${peer}, ${entry.config}`, async () => ({
        traces: [...report.traces, await traceStep(entry, peer, log)],
      }));
  return report;
}

const KERNEL_RUNS = 5;
/** Enough rows for large tiles and split sums; tfjs's own ops keep matrices of attention, and the CPU is slow. */
const CHECKED_BATCH = 8;

const quiet = (): void => {};

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

/** Those peers that this GPU can be asked for, and why others cannot. Leaves WebGPU open in float32. */
async function offered(peers: readonly string[]): Promise<{ peers: readonly string[]; missing?: string }> {
  const usesThem = (name: string): boolean => parsePeer(name).own.tensorCores === true;
  if (!peers.some(usesThem)) return { peers };
  try {
    await openBackend('webgpu', { precision: 'float16', tensorCores: true });
    return { peers };
  } catch (error) {
    return { peers: peers.filter((name) => !usesThem(name)), missing: reasonOf(error) };
  } finally {
    await openBackend('webgpu');
  }
}

function wayOf(peer: string): Way {
  const { precision = 'float32', tensorCores = false } = parsePeer(peer).own;
  return { precision, tensorCores };
}

/** In words. */
export function wayName({ precision, tensorCores }: Way): string {
  return `${precision}${tensorCores ? ' on tensor cores' : ''}`;
}

/** At the sizes at which they train, where other tiles are taken than at small ones. */
async function checkLarge(work: readonly Work[]): Promise<KernelCheck[]> {
  const checks: KernelCheck[] = [];
  for (const { config, batch } of work)
    checks.push(...(await checkKernels(kernelSizes(config, Math.min(batch, CHECKED_BATCH)), 'webgpu')));
  return checks;
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

async function timeSteps(
  { config, batch }: Work,
  { peers, runs, log }: GpuOptions,
  until: number,
): Promise<StepPart> {
  const engine = { backend: 'webgpu', precision: 'float32' } as const;
  const step = await benchStep({ config, batch, engine, peers, runs, until, dropsWrong: true, seed: 0, log });
  if (step.rows.length === 0) throw new Error(step.failed.map(({ reason }) => reason).join('; '));
  return { config, batch, step, gflop: stepFlops(config, batch) / 1e9 };
}

/** One step with a timestamp at each dispatch. */
async function traceStep(
  { config, batch }: Work,
  peer: string,
  log: (line: string) => void,
): Promise<TracePart> {
  const engine = { backend: 'webgpu', precision: 'float32', gpu: 'timed' } as const;
  const { rows } = await benchStep({ config, batch, engine, peers: [peer], runs: 1, seed: 0, log });
  return { config, batch, peer, times: rows[0]!.gpu?.kernels ?? [] };
}

/** With the tuning and without, in a step of its own images. */
async function tune(
  { config, batch }: Work,
  way: Way,
  { tuneSeconds, log }: GpuOptions,
): Promise<TuningPart> {
  await openBackend('webgpu', way);
  const { kernels, missing, step, tuning } = await tunePretraining(
    pretrainDefaults(CONFIGS[config], { batch, epochs: 1 }),
    {
      seconds: tuneSeconds,
      progress: ({ decided }) => decided && log(`${decided.name}: ${decided.choice}`),
    },
  );
  return { config, batch, ...way, kernels, missing, tuning, ...(step && { step }) };
}
