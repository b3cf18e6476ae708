import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Internals, internalsOf } from './internals.js';
import { openStopwatch } from './stopwatch.js';

/** A compiled kernel, and what it binds. */
export interface GpuKernel {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroupLayout;
}

/** A compiled kernel on its tensors, ready to be recorded. */
export interface GpuDispatch {
  readonly kernel: GpuKernel;
  /** Storage that is read, `@group(0)` from `@binding(0)` on. */
  readonly inputs: readonly TensorInfo[];
  /** Storage that is written, or updated in place: the bindings after the inputs. */
  readonly outputs: readonly TensorInfo[];
  /** The last binding, if there is one. Its content must not change any more. */
  readonly uniforms?: GPUBuffer;
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/** The memory and the command stream of tfjs's WebGPU engine, for kernels of our own. */
export interface GpuEngine {
  /** Features and limits are here: `device.features.has('subgroups')`. */
  readonly device: GPUDevice;
  /** A new tensor of undefined content. */
  allocate(shape: readonly number[], dtype: DataType): TensorInfo;
  /**
   * A handle to write to, with the tensor's content: on its own buffer when nobody else holds that, on a copy
   * otherwise. A clone that somebody kept of a weight must not change with it.
   */
  updatable(info: TensorInfo): TensorInfo;
  /** Free what {@link allocate} made and nobody was given: scratch space. Recorded commands still find it. */
  release(info: TensorInfo): void;
  /** Record a dispatch behind those that are recorded already. */
  dispatch(call: GpuDispatch): void;
  /** Send what is recorded to the GPU now. */
  submit(): void;
  /**
   * Milliseconds that the dispatches of `work` take, one behind the other and nothing else beside them: by the GPU's
   * clock where it has one, else by the host's, from their submission until they are done.
   */
  time(work: () => void): Promise<number>;
}

const known = new WeakMap<object, GpuEngine>();

/**
 * The command stream of the engine that a kernel function is given.
 * @throws when it is not tfjs's WebGPU engine, or not the version that this project knows.
 */
export function gpuEngine(engine: unknown): GpuEngine {
  const present = known.get(engine as object);
  if (present !== undefined) return present;
  const made = openStream(internalsOf(engine));
  known.set(engine as object, made);
  return made;
}

function openStream(engine: Internals): GpuEngine {
  const { device } = engine;
  return {
    device,
    allocate: (shape, dtype) => engine.makeTensorInfo([...shape], dtype),
    updatable: (info) => {
      if (engine.refCount(info.dataId) > 1) return copyOf(engine, info);
      engine.incRef(info.dataId);
      return { dataId: info.dataId, shape: info.shape, dtype: info.dtype };
    },
    release: (info) => void engine.disposeData(info.dataId),
    dispatch: (call) => record(engine, call),
    submit: () => {
      if (engine.commandEncoder === null) return;
      engine.endComputePassEncoder();
      engine.submitQueue();
    },
    time: openStopwatch(engine),
  };
}

function copyOf(engine: Internals, info: TensorInfo): TensorInfo {
  const copy = engine.makeTensorInfo([...info.shape], info.dtype);
  const [from, to] = [bufferOf(engine, info), bufferOf(engine, copy)];
  engine.ensureCommandEncoderReady();
  engine.endComputePassEncoder();
  engine.commandEncoder!.copyBufferToBuffer(from, 0, to, 0, from.size);
  hold(engine, [info, copy]);
  return copy;
}

/** The buffer of a tensor, which is brought to the GPU if it was not there. */
function bufferOf(engine: Internals, info: TensorInfo): GPUBuffer {
  engine.uploadToGPU(info.dataId);
  return engine.tensorMap.get(info.dataId).resource!;
}

/** Until the recorded commands are submitted, the buffers of these tensors must not be given away. */
function hold(engine: Internals, infos: readonly TensorInfo[]): void {
  for (const { dataId } of infos) engine.commandQueueOwnedIds.add(dataId);
}

function record(engine: Internals, { kernel, inputs, outputs, uniforms, workgroups }: GpuDispatch): void {
  if (workgroups.includes(0)) return;
  const tensors = [...inputs, ...outputs];
  // Uploads may end the pass that is open: they come first.
  const buffers = tensors.map((info) => bufferOf(engine, info));
  if (uniforms !== undefined) buffers.push(uniforms);
  for (const { dataId } of outputs) engine.tensorMap.get(dataId).values = null;
  hold(engine, tensors);
  const group = engine.device.createBindGroup({
    layout: kernel.bindings,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  engine.ensureCommandEncoderReady();
  engine.computePassEncoder ??= engine.commandEncoder!.beginComputePass();
  const pass = engine.computePassEncoder;
  pass.setPipeline(kernel.pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...workgroups);
  engine.dispatchCountInPass++;
  if (engine.dispatchCountInPass < tf.env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE')) return;
  engine.endComputePassEncoder();
  engine.submitQueue();
}
