import type { HostTensor } from '../host-tensor.js';
import type { TensorSource } from '../tensor-source.js';
import { ATTRIBUTE, type Attribute, type Node, type ValueInfo } from './onnx-proto.js';

/** A graph: operations in the order in which they run, and its constants. */
export interface OnnxGraph {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** A constant: a weight, as float32 however it is stored, or whole numbers. */
export type Initializer =
  | { readonly kind: 'float'; readonly source: TensorSource; readonly transposed: boolean }
  | { readonly kind: 'int64'; readonly tensor: HostTensor<'I64'> };

/** Builds a graph by calls like `add('MatMul', [x, weight])`; values are names. */
export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Initializer>();

  /** An operation with one output. @returns the output's name */
  add(
    op: string,
    input: readonly string[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): string {
    const output = `${op}_${this.#nodes.length}`;
    this.#nodes.push({
      op_type: op,
      input,
      output: [output],
      attribute: Object.entries(attributes).map(attribute),
    });
    return output;
  }

  /** A weight; `transposed` swaps the two dimensions of a matrix: ONNX multiplies by [in, out]. */
  weight(name: string, source: TensorSource, transposed = false): string {
    this.#initializers.set(name, { kind: 'float', source, transposed });
    return name;
  }

  /** A number that operations take as a tensor. */
  float(value: number): string {
    const source: HostTensor<'F32'> = { dtype: 'F32', shape: [], data: Float32Array.of(value) };
    return this.weight(`float_${value}`, source);
  }

  /** A list of whole numbers, such as a shape; or one, as a scalar. */
  int64(values: readonly number[] | number): string {
    const list = typeof values === 'number' ? [values] : values;
    const name = `int64_${typeof values === 'number' ? 'scalar_' : ''}${list.join('_')}`;
    const shape = typeof values === 'number' ? [] : [list.length];
    const tensor: HostTensor<'I64'> = { dtype: 'I64', shape, data: BigInt64Array.from(list, BigInt) };
    this.#initializers.set(name, { kind: 'int64', tensor });
    return name;
  }

  /** Call a value of the graph by its public name. */
  name(value: string, name: string): string {
    this.#nodes.push({ op_type: 'Identity', input: [value], output: [name] });
    return name;
  }

  build(inputs: readonly ValueInfo[], outputs: readonly ValueInfo[]): OnnxGraph {
    return { nodes: this.#nodes, initializers: this.#initializers, inputs, outputs };
  }
}

/** Whole numbers are INT, all others FLOAT: no float attribute used here has a whole value. */
function attribute([name, value]: [string, number | readonly number[]]): Attribute {
  if (typeof value !== 'number') return { name, type: ATTRIBUTE.INTS, ints: value };
  return Number.isInteger(value)
    ? { name, type: ATTRIBUTE.INT, i: value }
    : { name, type: ATTRIBUTE.FLOAT, f: value };
}
