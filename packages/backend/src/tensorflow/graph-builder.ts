import { type BindingValues, DataTypes, type OpAttribute, type TensorFlowBinding } from './binding.js';
import { outputName } from './output-names.js';
import type { AttrValue, NodeDef } from './saved-model.js';

/** A value in the graph: the text by which nodes refer to it, as `node:output`. */
export type GraphValue = string;

/** A variable that holds an input from step to step. */
export interface GraphVariable {
  /** Refers to the resource. */
  readonly handle: GraphValue;
  /** Its content before the step. */
  readonly content: GraphValue;
}

/**
 * How several ops look in a graph. Given the numbers of the values that go in and come out.
 * @returns true when it has emitted everything that makes `outputs`; false declines, and the ops are emitted
 * one by one.
 */
export type GraphForm = (
  graph: GraphBuilder,
  inputs: readonly number[],
  outputs: readonly number[],
) => boolean;

/** Attributes as nodes have them. */
export const attr = {
  type: (type: number): AttrValue => ({ type }),
  int: (i: number): AttrValue => ({ i }),
  float: (f: number): AttrValue => ({ f }),
  bool: (b: boolean): AttrValue => ({ b }),
  shape: (shape: readonly number[]): AttrValue => ({ shape: shapeProto(shape) }),
  text: (text: string): AttrValue => ({ s: new TextEncoder().encode(text) }),
};

function shapeProto(shape: readonly number[]): { dim: { size: number }[] } {
  return { dim: shape.map((size) => ({ size })) };
}

/** Which dialect the nodes speak: references to outputs are `node:index` in a graph, `node:name:index` in a function. */
export type Dialect = 'graph' | 'function';

/** Gathers nodes. */
export class GraphBuilder {
  readonly nodes: NodeDef[] = [];
  private readonly refs = new Map<number, GraphValue | (() => GraphValue)>();
  private readonly constants = new Map<number, BindingValues>();
  private readonly cache = new Map<string, GraphValue>();
  /** Variables by the value that they hold before the step, and by the value that they hold after it. */
  private readonly before = new Map<number, GraphVariable>();
  private readonly after = new Map<number, GraphVariable>();
  /** Nodes that must have run before the step is over. */
  readonly effects: string[] = [];
  private readonly updated = new Set<number>();
  private readonly dialect: Dialect;
  private readonly prefix: string;

  constructor(dialect: Dialect, prefix: string) {
    this.dialect = dialect;
    this.prefix = prefix;
  }

  /** The name of a new node. */
  private fresh(op: string): string {
    return `${this.prefix}${this.nodes.length}_${op}`;
  }

  /** Add a node; returns its outputs. `after` are names of nodes that must run first. */
  node(
    op: string,
    inputs: readonly GraphValue[],
    attributes: { [name: string]: AttrValue },
    {
      outputs = 1,
      after = [],
      name = this.fresh(op),
    }: { outputs?: number; after?: readonly string[]; name?: string } = {},
  ): [GraphValue, ...GraphValue[]] {
    this.nodes.push({ name, op, input: [...inputs, ...after.map((node) => `^${node}`)], attr: attributes });
    return Array.from({ length: outputs }, (_, index) => this.output(name, op, index)) as [
      GraphValue,
      ...GraphValue[],
    ];
  }

  private output(name: string, op: string, index: number): GraphValue {
    return this.dialect === 'graph' ? `${name}:${index}` : `${name}:${outputName(op, index)}`;
  }

  /** Say what a value of the step is called here, or how to make it if somebody asks. */
  bind(value: number, ref: GraphValue | (() => GraphValue)): void {
    this.refs.set(value, ref);
  }

  /** What a value of the step is called here. */
  ref(value: number): GraphValue {
    const ref = this.refs.get(value);
    if (ref === undefined) throw new Error(`graph: value ${value} is used before it is made`);
    if (typeof ref === 'string') return ref;
    const made = ref();
    this.refs.set(value, made);
    return made;
  }

  /** A constant of the step. */
  bindConstant(value: number, shape: readonly number[], dtype: number, values: BindingValues): void {
    this.constants.set(value, values);
    this.bind(value, this.constant(shape, dtype, values));
  }

  /** The number in a scalar that never changes, or `undefined`. */
  constantScalar(value: number): number | undefined {
    const values = this.constants.get(value);
    return values?.length === 1 ? values[0] : undefined;
  }

  constant(shape: readonly number[], dtype: number, values: BindingValues): GraphValue {
    const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return this.node('Const', [], {
      dtype: attr.type(dtype),
      value: { tensor: { dtype, tensorShape: shapeProto(shape), tensorContent: content } },
    })[0];
  }

  scalar(number: number): GraphValue {
    return this.cached(`scalar ${number}`, () =>
      this.constant([], DataTypes.float32, Float32Array.of(number)),
    );
  }

  /** A float32 op of two arguments. */
  binary(op: 'Mul' | 'Sub' | 'AddV2', a: GraphValue, b: GraphValue): GraphValue {
    return this.node(op, [a, b], { T: attr.type(DataTypes.float32) })[0];
  }

  /**
   * `value`, not before `until` is there: what is computed from it is computed then, and not taken from the same
   * computed earlier. In a plain graph a control edge does both; XLA forgets those, and has a barrier.
   */
  delayed(value: GraphValue, until: GraphValue, dtype: number): GraphValue {
    const type = attr.type(dtype);
    if (this.dialect === 'graph')
      return this.node('Identity', [value], { T: type }, { after: [this.nodeOf(until)] })[0];
    const types = { T: { list: { type: [dtype, DataTypes.float32] } } };
    return this.node('XlaOptimizationBarrier', [value, until], types, { outputs: 2 })[0];
  }

  /** A value that several fusions share, such as the learning rate of a layer. */
  cached(key: string, make: () => GraphValue): GraphValue {
    const known = this.cache.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.cache.set(key, made);
    return made;
  }

  /** Declare that a variable holds `input` before the step and shall hold `output` after it. */
  carry(input: number, output: number, variable: GraphVariable): void {
    this.before.set(input, variable);
    this.after.set(output, variable);
  }

  /**
   * The variable that holds `input`, if `output` is what it shall hold next: then an op may update it in
   * place, and says so with {@link updatedInPlace}.
   */
  variableOf(input: number, output: number): GraphVariable | undefined {
    const variable = this.before.get(input);
    return variable !== undefined && variable === this.after.get(output) ? variable : undefined;
  }

  /** A node without outputs; returns its name. */
  statement(
    op: string,
    inputs: readonly GraphValue[],
    attributes: { [name: string]: AttrValue },
    after: readonly string[] = [],
  ): string {
    const name = this.fresh(op);
    this.nodes.push({ name, op, input: [...inputs, ...after.map((node) => `^${node}`)], attr: attributes });
    return name;
  }

  /** A statement of the step: it is over when this has run. */
  effect(...statement: Parameters<GraphBuilder['statement']>): string {
    const name = this.statement(...statement);
    this.effects.push(name);
    return name;
  }

  /** The node `effect` has updated the variable that held `input`: it now holds `output`. */
  updatedInPlace(input: number, output: number, effect: string): void {
    this.updated.add(input);
    const { handle } = this.before.get(input)!;
    const dtype = attr.type(DataTypes.float32);
    this.bind(output, () => this.node('ReadVariableOp', [handle], { dtype }, { after: [effect] })[0]);
  }

  /** The name of the node of a reference. */
  nodeOf(ref: GraphValue): string {
    return ref.split(':')[0]!;
  }

  isUpdatedInPlace(input: number): boolean {
    return this.updated.has(input);
  }
}

/** Attributes of a recorded op, as nodes have them. */
export function nodeAttributes(
  attributes: readonly OpAttribute[],
  binding: TensorFlowBinding,
): { [name: string]: AttrValue } {
  return Object.fromEntries(
    attributes.map(({ name, type, value }) => [name, attrValue(type, value, binding)]),
  );
}

function attrValue(type: number, value: unknown, binding: TensorFlowBinding): AttrValue {
  switch (type) {
    case binding.TF_ATTR_TYPE:
      return attr.type(value as number);
    case binding.TF_ATTR_SHAPE:
      return attr.shape(value as number[]);
    case binding.TF_ATTR_STRING:
      return attr.text(String(value));
    case binding.TF_ATTR_BOOL:
      return Array.isArray(value) ? { list: { b: value as boolean[] } } : attr.bool(Boolean(value));
    case binding.TF_ATTR_INT:
      return Array.isArray(value) ? { list: { i: value as number[] } } : attr.int(Number(value));
    case binding.TF_ATTR_FLOAT:
      return Array.isArray(value) ? { list: { f: value as number[] } } : attr.float(Number(value));
    default:
      throw new Error(`graph: attribute type ${type} is unknown`);
  }
}
