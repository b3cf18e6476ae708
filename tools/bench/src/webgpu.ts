import { openBackend, type Precision } from '@maehem/backend';
import { maeFlops } from '@maehem/mae';
import { fold, seed as rootKey } from '@maehem/random';
import { tokenCount } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import { CONFIGS, type ConfigName, MASK_RATIO } from './configs.js';
import { nameOf } from './conformance.js';
import type { GpuRecord, GpuRecorder } from './gpu-recorder.js';
import { type KernelPass, prepareKernel } from './kernel-case.js';
import { branchCases, kernelCases } from './kernel-cases.js';
import { kernelSizes } from './kernel-sizes.js';
import { describeMachine, type Machine } from './machine.js';
import { openPeerGpu } from './peer-gpu.js';
import { benchStep, median, type StepOptions, type StepReport } from './step.js';

interface CommonOptions {
  readonly runs: number;
  readonly seed: number;
  /** Images a batch. */
  readonly batch: number;
  readonly log: (line: string) => void;
}

export interface KernelOptions extends CommonOptions {
  /** Whose encoder and decoder: a software adapter takes minutes for more than the smallest. */
  readonly config: ConfigName;
  /** In half precision there are but the branches of blocks. */
  readonly precision: Precision;
  readonly tensorCores?: boolean;
}

export interface KernelRow {
  readonly name: string;
  /** Of one forward and backward pass on the GPU, without the gaps between dispatches; by the clock where it cannot tell. */
  readonly medianMs: number;
  readonly bestMs: number;
  /** At the median; where products decide. */
  readonly gflops?: number;
  /** At the median, of the bytes that dispatches bind, each once. */
  readonly gigabytesPerSecond?: number;
  readonly dispatches: number;
}

/** The form of every benchmark's `--json`. */
export interface KernelReport {
  readonly backend: 'webgpu';
  readonly device: string;
  /** Whether the GPU's own timestamps were taken. */
  readonly timestamps: boolean;
  readonly config: string;
  readonly batch: number;
  readonly machine: Machine;
  readonly runs: number;
  readonly rows: readonly KernelRow[];
}

/** A step on the GPU, and where its time goes. */
export interface GpuStepReport extends StepReport {
  /** Products of a step, forward and backward. */
  readonly gflop: number;
}

/** What a step costs the host, and how much memory it takes from the GPU. */
export interface HostReport {
  /** Nothing but JavaScript. */
  readonly stub: StepReport;
  /** A model as deep on Dawn's own device that computes nothing: with encoding and checks. */
  readonly encoded: StepReport;
}

const WARM_UP = 2;

/** Time the kernels of a step, forward and backward, interleaved. Opens WebGPU in this process. */
export async function benchKernels(options: KernelOptions): Promise<KernelReport> {
  const { runs, batch, config } = options;
  const recorder = await openPeerGpu('timed');
  const rows = await timeKernels(options, recorder);
  const { description } = await openBackend('webgpu', { precision: options.precision });
  const timestamps = rows.some(({ gigabytesPerSecond }) => gigabytesPerSecond !== undefined);
  return {
    ...{ backend: 'webgpu', device: description, timestamps },
    ...{ config, batch, machine: describeMachine(), runs, rows },
  };
}

/** The same in a process that listens to its GPU already. */
export async function timeKernels(
  { runs, seed, batch, config, precision, tensorCores = false, log }: KernelOptions,
  recorder: GpuRecorder,
): Promise<KernelRow[]> {
  await openBackend('webgpu', { precision, tensorCores });
  const cases = precision === 'float32' ? kernelCases : branchCases;
  const entrants = kernelSizes(config, batch).flatMap((sizes) =>
    cases(sizes).map((entry) => ({
      ...{ entry, name: nameOf(sizes, entry), records: [] as Timed[] },
      pass: prepareKernel(entry, fold(rootKey(seed), entry.name)),
    })),
  );
  for (let run = 0; run < WARM_UP + runs; run++) {
    for (const { name, pass, records } of entrants) {
      await recorder.take();
      const start = performance.now();
      await finish(pass);
      const wallMs = performance.now() - start;
      const record = timed(await recorder.take(), wallMs);
      if (run >= WARM_UP) records.push(record);
      else log(`warm-up ${run + 1}/${WARM_UP} ${name}: ${wallMs.toFixed(0)} ms`);
    }
    if (run >= WARM_UP) log(`${run + 1 - WARM_UP}/${runs}`);
  }
  for (const { pass } of entrants) pass.dispose();
  return entrants.map(({ name, entry, records }) => rowOf({ ...entry, name }, records));
}

interface Timed {
  readonly ms: number;
  /** 0 where the GPU does not tell times. */
  readonly bytes: number;
  readonly dispatches: number;
}

function timed({ kernels = [], dispatches }: GpuRecord, wallMs: number): Timed {
  if (kernels.length === 0) return { ms: wallMs, bytes: 0, dispatches };
  return { ms: sum(kernels, 'ms'), bytes: sum(kernels, 'bytes'), dispatches };
}

function rowOf({ name, flops }: { name: string; flops?: number }, records: readonly Timed[]): KernelRow {
  const times = records.map(({ ms }) => ms);
  const medianMs = median(times);
  const { bytes, dispatches } = records.at(-1)!;
  return {
    ...{ name, medianMs, bestMs: Math.min(...times), dispatches },
    ...(flops === undefined ? {} : { gflops: flops / medianMs / 1e6 }),
    ...(bytes === 0 ? {} : { gigabytesPerSecond: bytes / medianMs / 1e6 }),
  };
}

/** One pass, done when the GPU has done it: reading the smallest result waits for all. */
async function finish(pass: KernelPass): Promise<void> {
  const results = pass.run();
  await results.reduce((a, b) => (a.size < b.size ? a : b)).data();
  tf.dispose(results);
}

/** Whole steps of several peers on the GPU, each dispatch timed by the GPU itself. */
export async function benchGpuStep(options: Omit<StepOptions, 'engine'>): Promise<GpuStepReport> {
  const { config, batch } = options;
  const report = await benchStep({
    ...options,
    engine: { backend: 'webgpu', precision: 'float32', gpu: 'timed' },
  });
  return { ...report, gflop: stepFlops(config, batch) / 1e9 };
}

/** Products of a training step: the backward pass has two for each of the forward pass. */
export function stepFlops(config: ConfigName, batch: number): number {
  const model = CONFIGS[config];
  const keep = Math.floor(tokenCount(model) * (1 - MASK_RATIO));
  const { encoder, decoder } = maeFlops(model, keep);
  return 3 * batch * (encoder + decoder);
}

/**
 * The same with nothing computed: what is left is the host's time, and the bytes of buffers. Dawn's own such device
 * has 512 MiB, so it gets a model that is as deep and next to nothing wide.
 */
export async function benchHost(options: Omit<StepOptions, 'engine'>): Promise<HostReport> {
  const engine = { backend: 'webgpu', precision: 'float32' } as const;
  const stub = await benchStep({ ...options, engine: { ...engine, gpu: 'stub' } });
  const narrow = { ...options, peers: options.peers.slice(0, 1), config: 'deep', batch: 2 } as const;
  return { stub, encoded: await benchStep({ ...narrow, engine: { ...engine, gpu: 'null' } }) };
}

export function sum<Key extends string>(rows: readonly Record<Key, number>[], key: Key): number {
  return rows.reduce((total, row) => total + row[key], 0);
}
