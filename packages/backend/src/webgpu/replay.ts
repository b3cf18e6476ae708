import { flatten, leaves } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { assertShapes, type Program } from '../capture.js';
import type { TensorTree } from '../params.js';
import { type Internals, internalsOf, type TensorData } from './internals.js';

/**
 * A captured step as a list of GPU commands. Replaying kernels (capture.ts) spares the tape; it still chooses
 * programs, makes bind groups and asks for buffers, hundreds of times a step. Here one such replay is overheard
 * below tfjs: its dispatches, with the bind groups that it made, on buffers that are the program's own from then
 * on. Later replays copy the inputs in, issue the commands, and copy the outputs out. What a step updates in
 * place stays where it is.
 */

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number?, number?];
}

interface Copy {
  readonly from: GPUBuffer;
  readonly to: GPUBuffer;
  readonly size: number;
}

type Command = Dispatch | Copy;

/** An output: an input's tensor again, or the content of a buffer of the program. */
type Result = { readonly shape: number[]; readonly dtype: tf.DataType } & (
  | { readonly input: number }
  | { readonly buffer: GPUBuffer }
);

interface Recording {
  readonly commands: readonly Command[];
  readonly inputs: readonly GPUBuffer[];
  readonly results: readonly Result[];
  /** Buffers to give back in the end. */
  readonly owned: ReadonlySet<GPUBuffer>;
}

/** A long step goes to the GPU in parts, so that it begins early and no watchdog bites. */
const DISPATCHES_PER_SUBMIT = 128;

/**
 * The same program, overheard at its second replay: at the first, pipelines compile and constants go up.
 * @param updated inputs, by number, that the step updates in place
 */
export function recordCommands<In extends TensorTree, Out extends TensorTree>(
  program: Program<In, Out>,
  updated: ReadonlySet<number>,
): Program<In, Out> {
  const engine = internalsOf(tf.backend());
  let replays = 0;
  let replayer: Replayer | undefined;
  let unflatten: ((results: tf.Tensor[]) => unknown) | undefined;
  return {
    kernels: program.kernels,
    run: (inputs) => {
      const given = leaves<tf.Tensor>(inputs);
      if (replayer !== undefined) return unflatten!(replayer.run(given)) as Out;
      // A weight that somebody keeps a clone of would be updated on a copy: not a replay to learn from.
      const shared = [...updated].some((index) => engine.refCount(given[index]!.dataId) > 1);
      if (replays++ === 0 || shared) return program.run(inputs);
      const { outputs, recording } = overhear(engine, program, inputs, updated);
      replayer = new Replayer(engine, recording, given, updated);
      unflatten = flatten<tf.Tensor, Out>(outputs).unflatten as typeof unflatten;
      return outputs;
    },
    dispose: () => {
      replayer?.dispose();
      program.dispose();
    },
  };
}

/** Everything recorded so far goes to the GPU: what follows must not mix with it. */
function flush(engine: Internals): void {
  if (engine.commandEncoder === null) return;
  engine.endComputePassEncoder();
  engine.submitQueue();
}

function storageLike(engine: Internals, size: number): GPUBuffer {
  return engine.bufferManager.acquireBuffer(
    size,
    GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  );
}

function overhear<In extends TensorTree, Out extends TensorTree>(
  engine: Internals,
  program: Program<In, Out>,
  inputs: In,
  updated: ReadonlySet<number>,
): { outputs: Out; recording: Recording } {
  const given = leaves<tf.Tensor>(inputs);
  for (const { dataId } of given) engine.uploadToGPU(dataId);
  flush(engine);
  const data = given.map(({ dataId }) => engine.tensorMap.get(dataId));
  const before = data.map(({ resource }) => resource!);
  const ownInputs = before.map((buffer, index) =>
    updated.has(index) ? buffer : storageLike(engine, buffer.size),
  );
  for (const [index, own] of ownInputs.entries())
    if (own !== before[index]) copyNow(engine, before[index]!, own);
  flush(engine);
  for (const [index, own] of ownInputs.entries()) data[index]!.resource = own;
  const tap = new Tap(engine);
  let outputs: Out;
  try {
    outputs = program.run(inputs);
    flush(engine);
  } finally {
    tap.remove();
    for (const [index, buffer] of before.entries()) data[index]!.resource = buffer;
  }
  const owned = new Set([...tap.owned, ...ownInputs]);
  const results = leaves<tf.Tensor>(outputs).map((tensor) => resultOf(engine, tensor, given, owned));
  flush(engine);
  return { outputs, recording: { commands: tap.commands, inputs: ownInputs, results, owned } };
}

/** What an output is; one in a buffer of the program is moved to a buffer of its own. */
function resultOf(
  engine: Internals,
  { dataId, shape, dtype }: tf.Tensor,
  given: readonly tf.Tensor[],
  owned: ReadonlySet<GPUBuffer>,
): Result {
  const input = given.findIndex((tensor) => tensor.dataId === dataId);
  if (input >= 0) return { shape, dtype, input };
  const tensor = engine.tensorMap.get(dataId);
  const buffer = tensor.resource!;
  if (owned.has(buffer)) {
    tensor.resource = storageLike(engine, buffer.size);
    copyNow(engine, buffer, tensor.resource);
  }
  return { shape, dtype, buffer };
}

function copyNow(engine: Internals, from: GPUBuffer, to: GPUBuffer): void {
  engine.ensureCommandEncoderReady();
  engine.endComputePassEncoder();
  engine.commandEncoder!.copyBufferToBuffer(from, 0, to, 0, from.size);
}

/** Listens to what the engine asks of its encoder and of its buffer manager. */
class Tap {
  readonly commands: Command[] = [];
  /** Buffers that the step's commands bind: never anybody else's again. */
  readonly owned: Set<GPUBuffer> = new Set();
  private readonly free = new Map<number, GPUBuffer[]>();
  private readonly engine: Internals;
  private readonly restore: () => void;

  constructor(engine: Internals) {
    this.engine = engine;
    const { ensureCommandEncoderReady, commandQueueOwnedIds } = engine;
    const manager = engine.bufferManager;
    const { acquireBuffer, releaseBuffer } = manager;
    const batch = tf.env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE');
    const forward = tf.env().getBool('WEBGPU_CPU_FORWARD');
    // One submission at the end; small ops on the GPU too, where they can be heard.
    tf.env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', Number.MAX_SAFE_INTEGER);
    tf.env().set('WEBGPU_CPU_FORWARD', false);
    // Commands run in order: a buffer can have a new tenant as soon as its tensor is gone.
    engine.commandQueueOwnedIds = { add: () => undefined, has: () => false } as unknown as WeakSet<object>;
    engine.ensureCommandEncoderReady = () => {
      if (engine.commandEncoder === null)
        engine.commandEncoder = this.listen(engine.device.createCommandEncoder());
    };
    manager.acquireBuffer = (size, usage, mapped, reuse) =>
      this.acquire(size, usage, mapped ?? false, () =>
        acquireBuffer.call(manager, size, usage, mapped, mapped === true ? false : reuse),
      );
    manager.releaseBuffer = (buffer, reuse) => {
      // What a kernel brought up for itself is constant from now on.
      if (this.uploaded.has(buffer)) this.owned.add(buffer);
      else if (!this.owned.has(buffer)) releaseBuffer.call(manager, buffer, reuse);
      else if (this.reusable.has(buffer)) this.freeOf(buffer.size).push(buffer);
    };
    this.restore = () => {
      engine.ensureCommandEncoderReady = ensureCommandEncoderReady;
      engine.commandQueueOwnedIds = commandQueueOwnedIds;
      manager.acquireBuffer = acquireBuffer;
      manager.releaseBuffer = releaseBuffer;
      tf.env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', batch);
      tf.env().set('WEBGPU_CPU_FORWARD', forward);
    };
  }

  /** Buffers with contents of kernels, as against uniforms, which must keep theirs. */
  private readonly reusable = new Set<GPUBuffer>();
  /** Buffers with constants of the step: their tensors', as long as those live. */
  private readonly uploaded = new Set<GPUBuffer>();

  remove(): void {
    this.restore();
    this.engine.commandQueueOwnedIds = new WeakSet();
  }

  private freeOf(size: number): GPUBuffer[] {
    const known = this.free.get(size);
    if (known !== undefined) return known;
    const made: GPUBuffer[] = [];
    this.free.set(size, made);
    return made;
  }

  private acquire(size: number, usage: number, mapped: boolean, original: () => GPUBuffer): GPUBuffer {
    if ((usage & (GPUBufferUsage.MAP_WRITE | GPUBufferUsage.MAP_READ)) !== 0) return original();
    if ((usage & GPUBufferUsage.STORAGE) === 0)
      return this.own(this.engine.device.createBuffer({ size, usage }));
    if (mapped) {
      const buffer = original();
      this.uploaded.add(buffer);
      return buffer;
    }
    const again = this.freeOf(size).pop();
    if (again !== undefined) return again;
    const buffer = this.own(original());
    this.reusable.add(buffer);
    return buffer;
  }

  private own(buffer: GPUBuffer): GPUBuffer {
    this.owned.add(buffer);
    return buffer;
  }

  private listen(encoder: GPUCommandEncoder): GPUCommandEncoder {
    const { commands } = this;
    return {
      beginComputePass: (descriptor?: GPUComputePassDescriptor) =>
        listenToPass(encoder.beginComputePass(descriptor), commands),
      copyBufferToBuffer: (from: GPUBuffer, fromAt: number, to: GPUBuffer, toAt: number, size: number) => {
        if ((from.usage & GPUBufferUsage.MAP_WRITE) === 0) commands.push({ from, to, size });
        encoder.copyBufferToBuffer(from, fromAt, to, toAt, size);
      },
      finish: () => encoder.finish(),
    } as unknown as GPUCommandEncoder;
  }
}

function listenToPass(pass: GPUComputePassEncoder, commands: Command[]): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline;
  let group: GPUBindGroup;
  return {
    setPipeline: (next: GPUComputePipeline) => {
      pipeline = next;
      pass.setPipeline(next);
    },
    setBindGroup: (index: number, next: GPUBindGroup) => {
      group = next;
      pass.setBindGroup(index, next);
    },
    dispatchWorkgroups: (...workgroups: [number, number?, number?]) => {
      commands.push({ pipeline, group, workgroups });
      pass.dispatchWorkgroups(...workgroups);
    },
    end: () => pass.end(),
  } as unknown as GPUComputePassEncoder;
}

/** Replays a recording. */
class Replayer {
  private readonly engine: Internals;
  private readonly recording: Recording;
  private readonly shapes: number[][];
  /** Inputs that come back as outputs, and the tensor that lives in their buffer now. */
  private readonly tenants = new Map<number, object>();

  constructor(
    engine: Internals,
    recording: Recording,
    given: readonly tf.Tensor[],
    updated: ReadonlySet<number>,
  ) {
    this.engine = engine;
    this.recording = recording;
    this.shapes = given.map(({ shape }) => shape);
    const returned = recording.results.flatMap((result) => ('input' in result ? [result.input] : []));
    for (const index of new Set([...returned, ...updated])) this.moveIn(index, given[index]!.dataId);
  }

  run(given: readonly tf.Tensor[]): tf.Tensor[] {
    assertShapes(this.shapes, given);
    const { engine, recording } = this;
    for (const [index, { dataId }] of given.entries()) this.bringIn(index, dataId);
    flush(engine);
    this.issue();
    const outputs = recording.results.map((result) => this.handOut(result, given));
    flush(engine);
    return outputs;
  }

  dispose(): void {
    for (const [index, dataId] of this.tenants) this.moveOut(index, dataId);
    flush(this.engine);
    for (const buffer of this.recording.owned) {
      // The others, constants and uniforms, the buffer manager never knew.
      try {
        this.engine.bufferManager.releaseBuffer(buffer, false);
      } catch {
        buffer.destroy();
      }
    }
  }

  /** The content of an input into the buffer that the commands bind. */
  private bringIn(index: number, dataId: object): void {
    const { engine } = this;
    const own = this.recording.inputs[index]!;
    const tenant = this.tenants.get(index);
    if (tenant === dataId && engine.refCount(dataId) === 1) return;
    if (tenant !== undefined) this.moveOut(index, tenant);
    const data = engine.tensorMap.get(dataId);
    if (data.resource == null && data.values != null) {
      flush(engine);
      engine.queue.writeBuffer(own, 0, hostBytes(data));
    } else {
      engine.uploadToGPU(dataId);
      copyNow(engine, data.resource!, own);
    }
  }

  /** From now on the tensor lives in the program's buffer, which it must not give back. */
  private moveIn(index: number, dataId: object): void {
    const data = this.engine.tensorMap.get(dataId);
    const own = this.recording.inputs[index]!;
    if (data.resource != null && data.resource !== own)
      this.engine.bufferManager.releaseBuffer(data.resource);
    data.resource = own;
    data.values = null;
    data.external = true;
    this.tenants.set(index, dataId);
  }

  /** A tensor that is still somebody's takes its content to a buffer of its own. */
  private moveOut(index: number, dataId: object): void {
    this.tenants.delete(index);
    if (!this.engine.tensorMap.has(dataId)) return;
    const data = this.engine.tensorMap.get(dataId);
    const own = this.recording.inputs[index]!;
    if (data.resource !== own) return;
    data.resource = storageLike(this.engine, own.size);
    data.external = false;
    copyNow(this.engine, own, data.resource);
  }

  private issue(): void {
    const { device, queue } = this.engine;
    let encoder = device.createCommandEncoder();
    let pass: GPUComputePassEncoder | undefined;
    let count = 0;
    for (const command of this.recording.commands) {
      if ('from' in command) {
        pass?.end();
        pass = undefined;
        encoder.copyBufferToBuffer(command.from, 0, command.to, 0, command.size);
        continue;
      }
      pass ??= encoder.beginComputePass();
      pass.setPipeline(command.pipeline);
      pass.setBindGroup(0, command.group);
      pass.dispatchWorkgroups(...command.workgroups);
      if (++count % DISPATCHES_PER_SUBMIT !== 0) continue;
      pass.end();
      pass = undefined;
      queue.submit([encoder.finish()]);
      encoder = device.createCommandEncoder();
    }
    pass?.end();
    queue.submit([encoder.finish()]);
  }

  private handOut(result: Result, given: readonly tf.Tensor[]): tf.Tensor {
    const { engine } = this;
    const { shape, dtype } = result;
    if ('input' in result) {
      const { dataId } = given[result.input]!;
      const kept = this.tenants.get(result.input) !== dataId && engine.refCount(dataId) > 1;
      const info = kept ? engine.makeTensorInfo(shape, dtype) : { dataId, shape, dtype };
      if (!kept) engine.incRef(dataId);
      this.moveIn(result.input, info.dataId);
      return tf.engine().makeTensorFromTensorInfo(info, engine);
    }
    const info = engine.makeTensorInfo(shape, dtype);
    const data = engine.tensorMap.get(info.dataId);
    data.resource = storageLike(engine, result.buffer.size);
    copyNow(engine, result.buffer, data.resource);
    return tf.engine().makeTensorFromTensorInfo(info, engine);
  }
}

/** Host values as the GPU has them: bool tensors are 32 bits wide there. */
function hostBytes({ values, dtype }: TensorData): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  if (values instanceof Float32Array && dtype === 'float32') return values as Float32Array<ArrayBuffer>;
  if (values instanceof Int32Array && dtype !== 'float32') return values as Int32Array<ArrayBuffer>;
  const numbers = values as ArrayLike<number>;
  return dtype === 'float32' ? Float32Array.from(numbers) : Int32Array.from(numbers);
}
