import { refuseReading } from '../capture.js';
import type { BindingValues, OpAttribute, TensorFlowBinding, TensorFlowEngine } from './binding.js';
import type { GraphForm } from './graph-builder.js';
import type { RawTensor, RegionRecorder } from './ops.js';

/**
 * Recording a step for TensorFlow. The step runs once, eagerly, on a binding that notes every op that passes:
 * tfjs-node's kernels and ours all end there, so that any model made of them can become a graph. Values are
 * numbered in the order of their appearance.
 */

/** A value of the step: its type, its shape, and what is in it if it never changes. */
export interface TracedValue {
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly constant?: BindingValues;
}

/** One op. */
interface TracedOp {
  readonly kind: 'op';
  readonly op: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Several ops that have another form in a graph. */
interface TracedRegion {
  readonly kind: 'region';
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly form: GraphForm;
  readonly inner: readonly TracedInstruction[];
}

export type TracedInstruction = TracedOp | TracedRegion;

/** A recorded step. Inputs are the first values. */
export interface Trace {
  readonly values: readonly TracedValue[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly instructions: readonly TracedInstruction[];
}

/** Records what one binding does, between `start` and `finish`. */
export class Tracer {
  private readonly values: TracedValue[] = [];
  private readonly known = new Map<number, number>();
  private instructions: TracedInstruction[] = [];
  private readonly inputs: readonly number[];
  private readonly real: TensorFlowBinding;
  private readonly engine: TensorFlowEngine;

  /** @param inputs the binding's tensors that the step will be given */
  constructor(engine: TensorFlowEngine, inputs: readonly RawTensor[]) {
    this.engine = engine;
    this.real = engine.binding;
    this.inputs = inputs.map((input) => this.name(input.id, { shape: input.shape, dtype: input.dtype }));
  }

  /** Put the recording binding in the real one's place. */
  start(): void {
    const { real } = this;
    const recording: Partial<TensorFlowBinding> & RegionRecorder = {
      createTensor: (shape, dtype, values) => {
        const id = real.createTensor(shape, dtype, values);
        // The step may go on to use the array: the graph keeps what was in it.
        this.name(id, { shape: [...shape], dtype, constant: values.slice() });
        return id;
      },
      executeOp: (op, attributes, inputs, outputs) => {
        const used = inputs.map((id) => this.use(id));
        const made = real.executeOp(op, attributes, inputs, outputs);
        this.instructions.push({
          kind: 'op',
          op,
          attributes: this.typed(op, attributes, used),
          inputs: used,
          outputs: made.map((output) => this.name(output.id, output)),
        });
        return made;
      },
      tensorDataSync: refuseReading,
      region: (inputs, run, form, updates) => this.region(inputs, run, form, updates),
    };
    // The binding's own members are read-only: they are shadowed, not assigned.
    this.engine.binding = Object.create(
      real,
      Object.getOwnPropertyDescriptors(recording),
    ) as TensorFlowBinding;
  }

  stop(): void {
    this.engine.binding = this.real;
  }

  finish(outputs: readonly RawTensor[]): Trace {
    const { values, inputs, instructions } = this;
    return { values, inputs, instructions, outputs: outputs.map(({ id }) => this.use(id)) };
  }

  /** tfjs-node leaves the type of an ExpandDims out: running it tells, a graph must say. */
  private typed(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
  ): readonly OpAttribute[] {
    if (op !== 'ExpandDims' || attributes.some(({ name }) => name === 'T')) return attributes;
    const value = this.values[inputs[0]!]!.dtype;
    return [...attributes, { name: 'T', type: this.real.TF_ATTR_TYPE, value }];
  }

  private region(
    inputs: readonly number[],
    run: () => RawTensor[],
    form: GraphForm,
    updates: number,
  ): RawTensor[] {
    const used = inputs.map((id) => this.use(id));
    const outer = this.instructions;
    this.instructions = [];
    const made = run();
    const inner = this.instructions;
    this.instructions = outer;
    const outputs = made.map(({ id }) => this.use(id));
    outer.push({ kind: 'region', inputs: used, outputs, form, inner });
    return made.map((output, index) => (index < updates ? this.standIn(output, inputs[index]!) : output));
  }

  /**
   * The tensor `input` under the name of `output`, which it is of one type and shape with. Recording asks what a step
   * does and not what comes out: thus it holds no second copy of parameters and optimizer state.
   */
  private standIn(output: RawTensor, input: number): RawTensor {
    const value = this.known.get(output.id)!;
    const type = [{ name: 'T', type: this.real.TF_ATTR_TYPE, value: output.dtype }];
    const [alias] = this.real.executeOp('Identity', type, [input], 1);
    this.known.set(alias!.id, value);
    return alias!;
  }

  private name(id: number, { shape, dtype, constant }: TracedValue): number {
    const value = this.values.length;
    this.values.push(constant === undefined ? { shape, dtype } : { shape, dtype, constant });
    // An op may hand its input out again under the same number: the newest value stands.
    this.known.set(id, value);
    return value;
  }

  /** The value of a tensor. One that existed before the step, and is no input, is a constant. */
  private use(id: number): number {
    const known = this.known.get(id);
    if (known !== undefined) return known;
    const { real } = this;
    // Its values tell the type of a tensor that is known by its number, and an op its shape.
    const values = real.tensorDataSync(id);
    const dtype = values instanceof Float32Array ? 1 : values instanceof Int32Array ? 3 : 10;
    const type = [{ name: 'T', type: real.TF_ATTR_TYPE, value: dtype }];
    const [info] = real.executeOp('Identity', type, [id], 1);
    const value = this.name(id, { ...info!, constant: values.slice() });
    real.deleteTensor(info!.id);
    return value;
  }
}
