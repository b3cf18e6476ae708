import { seed } from '@maehem/random';
import { CONFIGS, type ConfigName } from '../configs.js';
import { drawWorkload } from '../draw-workload.js';
import { createMaehem } from '../peers/maehem.js';
import { type StubAdapter, stubGpu } from '../stub-gpu.js';
import type { Workload } from '../workload.js';

/** The training step whose pipelines are asked for. */
export interface StepWork {
  readonly config: ConfigName;
  readonly batch: number;
  readonly precision: 'float32' | 'float16';
  readonly tensorCores: boolean;
}

/** A program of a step. */
export interface StepPipeline {
  /** A kernel's key, or the name of a program of tfjs. */
  readonly name: string;
  readonly wgsl: string;
  /** In a step. */
  readonly dispatches: number;
}

/** The programs of a step, and the features of the device that they are for. */
interface StepPipelines {
  readonly pipelines: readonly StepPipeline[];
  readonly features: GPUFeatureName[];
}

/** Eager, recorded, replayed, and replayed below tfjs: the last is what training goes on with. */
const STEPS = 4;

/**
 * The pipelines of a pretraining step as it is for an adapter, whose place a stub takes: in this process, for good.
 * The most dispatched first.
 */
export async function stepPipelines(work: StepWork, adapter: StubAdapter): Promise<StepPipelines> {
  const { config, batch, precision, tensorCores } = work;
  const recorder = recordPipelines(stubGpu(adapter));
  const peer = createMaehem({ open: { tensorCores } });
  await peer.init(shapes(drawWorkload(seed(0), CONFIGS[config], batch)), { backend: 'webgpu', precision });
  for (let step = 0; step < STEPS; step++) await peer.step();
  recorder.take();
  await peer.step();
  return recorder.take();
}

/** Zeros in place of values: nothing is computed. */
function shapes(workload: Workload): Workload {
  return {
    ...workload,
    read: ({ dtype, shape }) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return dtype === 'float32' ? new Float32Array(size) : new Int32Array(size);
    },
  };
}

interface Pipeline {
  readonly name: string;
  readonly wgsl: string;
}

/** What was dispatched since the last `take`, by pipeline. */
function recordPipelines(classes: object): { take(): StepPipelines } {
  const { GPUDevice, GPUComputePassEncoder } = classes as {
    GPUDevice: { prototype: GPUDevice };
    GPUComputePassEncoder: { prototype: GPUComputePassEncoder };
  };
  const codes = new WeakMap<GPUShaderModule, string>();
  const pipelines = new WeakMap<GPUComputePipeline, Pipeline>();
  const current = new WeakMap<GPUComputePassEncoder, Pipeline>();
  let counts = new Map<Pipeline, number>();
  let features: GPUFeatureName[] = [];
  const { createShaderModule, createComputePipeline, createComputePipelineAsync } = GPUDevice.prototype;
  const { setPipeline, dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  const keep = (made: GPUComputePipeline, { label, compute }: GPUComputePipelineDescriptor) => {
    pipelines.set(made, { name: label ?? '', wgsl: codes.get(compute.module)! });
    return made;
  };
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    const made = createShaderModule.call(this, descriptor);
    codes.set(made, descriptor.code);
    features = [...this.features] as GPUFeatureName[];
    return made;
  };
  GPUDevice.prototype.createComputePipeline = function (descriptor) {
    return keep(createComputePipeline.call(this, descriptor), descriptor);
  };
  GPUDevice.prototype.createComputePipelineAsync = async function (descriptor) {
    return keep(await createComputePipelineAsync.call(this, descriptor), descriptor);
  };
  GPUComputePassEncoder.prototype.setPipeline = function (pipeline) {
    current.set(this, pipelines.get(pipeline)!);
    setPipeline.call(this, pipeline);
  };
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (x, y, z) {
    const pipeline = current.get(this)!;
    counts.set(pipeline, (counts.get(pipeline) ?? 0) + 1);
    dispatchWorkgroups.call(this, x, y, z);
  };
  return {
    take: () => {
      const taken = [...counts].map(([pipeline, dispatches]) => ({ ...pipeline, dispatches }));
      counts = new Map();
      taken.sort((a, b) => b.dispatches - a.dispatches || (a.name < b.name ? -1 : 1));
      return { pipelines: taken, features };
    },
  };
}
