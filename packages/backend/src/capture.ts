import { flatten, leaves } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import type { TensorTree } from './params.js';

/**
 * Capture and replay. A training step has static shapes, so one run of it says all there is to know: which
 * kernels run, on what, in which order, and when each buffer is used for the last time. `capture` runs the
 * step once, on real tensors, under a recording engine; the program then replays the same kernels without
 * the tape, scopes and tensor objects of tfjs, and frees each buffer after its last use. The model is
 * written once: recording happens below it, in tfjs's kernel registry.
 */

/** A use of a value: which one, seen under which shape and type. */
interface Use {
  readonly value: number;
  readonly shape: number[];
  readonly dtype: tf.DataType;
}

interface Instruction {
  readonly kernel: string;
  readonly run: tf.KernelFunc;
  readonly inputs: readonly (readonly [name: string, use: Use])[];
  /** tfjs hands some kernels (Concat, AddN) an array in place of named inputs. */
  readonly listed: boolean;
  readonly attrs: tf.NamedAttrMap | undefined;
  readonly outputs: readonly number[];
  /** Values that this kernel consumes, and may have updated in place. */
  readonly updates: readonly number[];
  /** Values that are used for the last time here. */
  readonly lastUses: number[];
}

/** A captured step, bound to the engine that it was captured on. */
export interface Program<Inputs extends TensorTree, Outputs extends TensorTree> {
  /** Kernel names in the order of execution. */
  readonly kernels: readonly string[];
  /**
   * Run the step on new inputs of the same shapes. Inputs stay the caller's; outputs are new handles.
   * Where the step updates an input in place, the output is a second handle on that input's memory, and
   * the input must not be used any more: dispose it.
   */
  run(inputs: Inputs): Outputs;
  /** Free the constants that the program holds. */
  dispose(): void;
}

/** What `capture` returns: the program, and the outputs of the run that it was recorded from. */
export interface Captured<Inputs extends TensorTree, Outputs extends TensorTree> {
  readonly program: Program<Inputs, Outputs>;
  readonly outputs: Outputs;
}

interface Engine extends tf.KernelBackend {
  incRef(dataId: object): void;
}

const SUFFIX = '+capture';

/** The engine's name without the recorder's suffix: what kernels are chosen by. */
export function engineName(): string {
  const name = tf.getBackend();
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
}

let recorder: Recorder | undefined;

/** The inputs that a kernel consumes and may update in place, by the kernel's name. */
const updatedInputs = new Map<string, readonly string[]>();

/**
 * Make a kernel known to the current engine, and to the recorder when it is at work.
 * Registering twice is harmless.
 * @param updates names of inputs that the kernel consumes: its outputs may be the same memory
 */
export function registerOnCurrentEngine(
  kernelName: string,
  kernelFunc: tf.KernelFunc,
  updates: readonly string[] = [],
): void {
  const name = engineName();
  updatedInputs.set(kernelName, updates);
  if (tf.getKernel(kernelName, name) == null)
    tf.registerKernel({ kernelName, backendName: name, kernelFunc });
  if (recorder !== undefined) mirrorKernel(kernelName, kernelFunc, name + SUFFIX);
}

/** A registered kernel that notes each call in the recorder at work, then does it. */
function mirrorKernel(kernelName: string, kernelFunc: tf.KernelFunc, backendName: string): void {
  if (tf.getKernel(kernelName, backendName) != null) return;
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: (call) => {
      const result = recorder === undefined ? kernelFunc(call) : recorder.inside(() => kernelFunc(call));
      recorder?.note(kernelName, kernelFunc, call, result);
      return result;
    },
  });
}

/**
 * Run `step` once on `inputs` and record it.
 * @throws when the step reads a tensor back to the host, or a capture is already at work.
 */
export async function capture<Inputs extends TensorTree, Outputs extends TensorTree>(
  step: (inputs: Inputs) => Outputs,
  inputs: Inputs,
): Promise<Captured<Inputs, Outputs>> {
  if (recorder !== undefined) throw new Error('capture: another capture is at work');
  const name = tf.getBackend();
  if (name === 'tensorflow') return (await import('#graph-capture')).captureGraph(step, inputs);
  const engine = tf.backend() as Engine;
  if (tf.findBackendFactory(name + SUFFIX) === null) tf.registerBackend(name + SUFFIX, () => engine, 0);
  const recording = new Recorder(engine, leaves<tf.Tensor>(inputs));
  recorder = recording;
  for (const { kernelName, kernelFunc } of tf.getKernelsForBackend(name))
    mirrorKernel(kernelName, kernelFunc, name + SUFFIX);
  const { readSync } = engine;
  try {
    await tf.setBackend(name + SUFFIX);
    engine.readSync = (dataId) => {
      if (!recording.inKernel) refuseReading();
      return readSync.call(engine, dataId);
    };
    const outputs = tf.tidy(() => step(inputs) as tf.TensorContainer) as Outputs;
    const program = recording.finish<Inputs, Outputs>(outputs);
    if (name !== 'webgpu') return { program, outputs };
    const { recordCommands } = await import('./webgpu/replay.js');
    return { program: recordCommands(program, recording.updatedInputs()), outputs };
  } finally {
    engine.readSync = readSync;
    recorder = undefined;
    await tf.setBackend(name);
  }
}

/** What a captured step gets that asks for a tensor's values. */
export function refuseReading(): never {
  throw new Error(
    'capture: the step reads a tensor back to the host; a captured step must not depend on values',
  );
}

class Recorder {
  private readonly values = new Map<object, number>();
  private valueCount = 0;
  private readonly instructions: Instruction[] = [];
  private readonly constants: [value: number, dataId: object][] = [];
  private readonly engine: Engine;
  /** Some kernels read their own inputs, which is part of the kernel; the step itself must not. */
  inKernel = false;
  private readonly inputs: readonly tf.Tensor[];
  private readonly inputValues: readonly number[];

  constructor(engine: Engine, inputs: readonly tf.Tensor[]) {
    this.engine = engine;
    this.inputs = inputs;
    this.inputValues = inputs.map((input) => this.valueOf(input.dataId));
  }

  inside<T>(kernel: () => T): T {
    const outer = this.inKernel;
    this.inKernel = true;
    try {
      return kernel();
    } finally {
      this.inKernel = outer;
    }
  }

  private valueOf(dataId: object): number {
    const known = this.values.get(dataId);
    if (known !== undefined) return known;
    const value = this.valueCount++;
    this.values.set(dataId, value);
    return value;
  }

  /** The use of a tensor. One that neither an input nor a kernel made is a constant, and is held. */
  private use(info: tf.TensorInfo): Use {
    if (!this.values.has(info.dataId)) {
      this.engine.incRef(info.dataId);
      this.constants.push([this.valueOf(info.dataId), info.dataId]);
    }
    return { value: this.valueOf(info.dataId), shape: info.shape, dtype: info.dtype };
  }

  note(
    kernel: string,
    run: tf.KernelFunc,
    call: { inputs: tf.NamedTensorInfoMap; attrs?: tf.NamedAttrMap },
    result: tf.TensorInfo | tf.TensorInfo[],
  ): void {
    const inputs = Object.entries(call.inputs)
      .filter(([, info]) => info != null)
      .map(([name, info]) => [name, this.use(info as tf.TensorInfo)] as const);
    const consumed = new Set(updatedInputs.get(kernel) ?? []);
    const updates = inputs.flatMap(([name, { value }]) => (consumed.has(name) ? [value] : []));
    const results = Array.isArray(result) ? result : [result];
    // What an update returns is another value, also where it is the same memory.
    if (updates.length > 0) for (const info of results) this.values.delete(info.dataId);
    const outputs = results.map((info) => this.valueOf(info.dataId));
    const listed = Array.isArray(call.inputs);
    this.instructions.push({
      kernel,
      run,
      inputs,
      listed,
      attrs: call.attrs,
      outputs,
      updates,
      lastUses: [],
    });
  }

  /** The inputs, by number, that kernels of the step consume. */
  updatedInputs(): ReadonlySet<number> {
    const updated = new Set(this.instructions.flatMap(({ updates }) => updates));
    return new Set(this.inputValues.flatMap((value, index) => (updated.has(value) ? [index] : [])));
  }

  finish<Inputs extends TensorTree, Outputs extends TensorTree>(outputs: Outputs): Program<Inputs, Outputs> {
    const { leaves: results, unflatten } = flatten<tf.Tensor, Outputs>(outputs);
    const uses = results.map((tensor) => this.use(tensor));
    const retained = this.planLifetimes(uses);
    const { instructions, constants, engine, inputs, inputValues, valueCount } = this;
    const inputShapes = inputs.map((input) => input.shape);

    const run = (given: Inputs): Outputs => {
      const tensors = leaves<tf.Tensor>(given);
      assertShapes(inputShapes, tensors);
      const live = new Array<object | undefined>(valueCount);
      for (const [value, dataId] of constants) live[value] = dataId;
      for (const [index, value] of inputValues.entries()) live[value] = tensors[index]!.dataId;
      for (const instruction of instructions) execute(instruction, live, engine);
      for (const value of retained) engine.incRef(live[value]!);
      const made = uses.map((use) => handOut(use, live, engine));
      return unflatten(made) as unknown as Outputs;
    };
    const dispose = (): void => {
      for (const [, dataId] of constants) engine.disposeData(dataId);
      constants.length = 0;
    };
    return { kernels: instructions.map(({ kernel }) => kernel), run, dispose };
  }

  /**
   * A value made by kernels holds one reference for each time that a kernel returned it (reshapes return
   * their input's memory again). Each output handle takes one of them over; the others are released after
   * the value's last use. Before a kernel that may update the value in place all must be gone but one, the
   * caller's for an input, or the kernel would see another holder and make a copy. Returns the values of
   * which outputs need more references than kernels left: inputs and constants that are handed through,
   * and values that are handed out twice.
   */
  private planLifetimes(results: readonly Use[]): number[] {
    const references = new Map<number, number>();
    const last = new Map<number, number>();
    const updatedAt = new Map<number, number>();
    for (const [index, { inputs, outputs, updates }] of this.instructions.entries()) {
      for (const value of updates) updatedAt.set(value, index);
      for (const [, { value }] of inputs) if (!updates.includes(value)) last.set(value, index);
      for (const value of outputs) {
        references.set(value, (references.get(value) ?? 0) + 1);
        last.set(value, index);
      }
    }
    const retained: number[] = [];
    for (const { value } of results) {
      const left = references.get(value) ?? 0;
      if (left === 0) retained.push(value);
      else references.set(value, left - 1);
    }
    const owned = new Set([...this.inputValues, ...this.constants.map(([value]) => value)]);
    for (const [value, count] of references) {
      const update = updatedAt.get(value);
      for (let i = 0; i < count; i++) {
        const survives = update !== undefined && i === 0 && !owned.has(value);
        this.instructions[survives ? update : last.get(value)!]!.lastUses.push(value);
      }
    }
    return retained;
  }
}

function execute(instruction: Instruction, live: (object | undefined)[], engine: Engine): void {
  const inputs = (instruction.listed ? [] : {}) as tf.NamedTensorInfoMap;
  for (const [name, use] of instruction.inputs)
    inputs[name] = { dataId: live[use.value]!, shape: use.shape, dtype: use.dtype };
  const call =
    instruction.attrs === undefined
      ? { inputs, backend: engine }
      : { inputs, backend: engine, attrs: instruction.attrs };
  const result = instruction.run(call);
  if (Array.isArray(result))
    for (const [index, value] of instruction.outputs.entries()) live[value] = result[index]!.dataId;
  else live[instruction.outputs[0]!] = result.dataId;
  for (const value of instruction.lastUses) engine.disposeData(live[value]!);
}

/** A tensor on a value that the program leaves behind. */
function handOut(use: Use, live: readonly (object | undefined)[], engine: Engine): tf.Tensor {
  const info = { dataId: live[use.value]!, shape: use.shape, dtype: use.dtype };
  return tf.engine().makeTensorFromTensorInfo(info, engine);
}

/** @throws when the inputs of a replay are not shaped as those of the capture. */
export function assertShapes(expected: readonly number[][], tensors: readonly tf.Tensor[]): void {
  if (expected.length !== tensors.length)
    throw new Error(`captured step: ${expected.length} input tensors expected, got ${tensors.length}`);
  for (const [index, shape] of expected.entries())
    if (!tf.util.arraysEqual(shape, tensors[index]!.shape))
      throw new Error(
        `captured step: input ${index} has shape [${tensors[index]!.shape}], captured with [${shape}]`,
      );
}
