import type { TensorInfo } from '@tensorflow/tfjs-core';
import { DataTypes, type OpAttribute, type TensorFlowEngine, tensorflowEngine, tfjsType } from './binding.js';
import type { GraphForm } from './graph-builder.js';
import { settings } from './settings.js';

/** A tensor by the binding's number; unlike tfjs's, it may be of a type that tfjs does not know (bfloat16). */
export interface RawTensor {
  readonly id: number;
  readonly shape: readonly number[];
  /** TensorFlow's `DataType` number. */
  readonly dtype: number;
}

/** Attributes by name: a number is an int, a list an int list; types and floats are marked. */
export type RawAttributes = {
  readonly [name: string]: boolean | string | number | { readonly type: number } | { readonly float: number };
};

/** Which operands of a product are transposed. */
interface Transposes {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/** A binding that records what runs offers this; see `trace.ts`. */
export interface RegionRecorder {
  /** Note what `run` does as one region, which has a form of its own in a graph. */
  region(inputs: readonly number[], run: () => RawTensor[], form: GraphForm, updates: number): RawTensor[];
}

/**
 * TensorFlow's ops on raw tensors, without tfjs's tape and scopes: what the kernels of this engine are written
 * in. Run eagerly, or recorded into a graph when a step is captured: that happens below, in the binding.
 * Everything made inside {@link runKernel} is freed at its end, save for what it returns.
 */
export class TensorFlowOps {
  private made: number[] = [];
  private readonly engine: TensorFlowEngine;

  constructor(engine: TensorFlowEngine) {
    this.engine = engine;
  }

  /** Run a kernel on tfjs's tensors: its results become tensors of tfjs, all else is freed. */
  runKernel(kernel: () => RawTensor[]): TensorInfo[] {
    const outer = this.made;
    this.made = [];
    try {
      const results = kernel();
      const kept = new Set(results.map(({ id }) => id));
      this.made = this.made.filter((id) => !kept.has(id));
      return results.map((result) => this.handOut(result));
    } finally {
      for (const id of this.made) this.engine.binding.deleteTensor(id);
      this.made = outer;
    }
  }

  private handOut({ id, shape, dtype }: RawTensor): TensorInfo {
    const dataId = {};
    this.engine.tensorMap.set(dataId, { id, shape: [...shape], dtype, values: null, refCount: 1 });
    return { dataId, shape: [...shape], dtype: tfjsType(dtype) };
  }

  /** A tensor of tfjs. */
  input(info: TensorInfo): RawTensor {
    const [id] = this.engine.getInputTensorIds([info]);
    return { id: id!, shape: info.shape, dtype: this.engine.tensorMap.get(info.dataId).dtype };
  }

  /** Any op of TensorFlow by its name. */
  run(
    op: string,
    inputs: readonly RawTensor[],
    attributes: RawAttributes = {},
    outputs = 1,
  ): [RawTensor, ...RawTensor[]] {
    const made = this.engine.binding.executeOp(
      op,
      this.attributes(attributes),
      inputs.map(({ id }) => id),
      outputs,
    );
    for (const { id } of made) this.made.push(id);
    return made as unknown as [RawTensor, ...RawTensor[]];
  }

  private attributes(attributes: RawAttributes): OpAttribute[] {
    const { binding } = this.engine;
    return Object.entries(attributes).map(([name, value]) => {
      if (typeof value === 'boolean') return { name, type: binding.TF_ATTR_BOOL, value };
      if (typeof value === 'string') return { name, type: binding.TF_ATTR_STRING, value };
      if (typeof value === 'number') return { name, type: binding.TF_ATTR_INT, value };
      if ('type' in value) return { name, type: binding.TF_ATTR_TYPE, value: value.type };
      return { name, type: binding.TF_ATTR_FLOAT, value: value.float };
    });
  }

  /**
   * Several ops that have a better form in a graph, such as an update in place.
   * @param run the ops, eagerly
   * @param form the form in a graph; it may decline
   * @param updates the outputs are so many inputs, updated: the caller will not use those any more
   */
  region(inputs: readonly RawTensor[], run: () => RawTensor[], form: GraphForm, updates = 0): RawTensor[] {
    const binding = this.engine.binding as unknown as Partial<RegionRecorder>;
    if (binding.region === undefined) return run();
    return binding.region(
      inputs.map(({ id }) => id),
      run,
      form,
      updates,
    );
  }

  /** A float32 scalar. */
  scalar(value: number): RawTensor {
    return this.constant([], Float32Array.of(value));
  }

  /** A vector of int32: shapes, axes, permutations. */
  integers(values: readonly number[]): RawTensor {
    return this.constant([values.length], Int32Array.from(values));
  }

  /** An int32 scalar: an axis, or an index. */
  axis(value: number): RawTensor {
    return this.constant([], Int32Array.of(value));
  }

  private constant(shape: readonly number[], values: Float32Array | Int32Array): RawTensor {
    const dtype = values instanceof Int32Array ? DataTypes.int32 : DataTypes.float32;
    const id = this.engine.binding.createTensor(shape, dtype, values);
    this.made.push(id);
    return { id, shape, dtype };
  }

  /** An op of one argument and result type, such as `Erf` or `Exp`. */
  unary(op: string, x: RawTensor): RawTensor {
    return this.run(op, [x], { T: { type: x.dtype } })[0];
  }

  /** An op of two arguments of one type, with broadcasting, such as `Mul`. */
  binary(op: string, a: RawTensor, b: RawTensor | number): RawTensor {
    const other = typeof b === 'number' ? this.scalar(b) : b;
    return this.run(op, [a, other], { T: { type: a.dtype } })[0];
  }

  add(a: RawTensor, b: RawTensor | number): RawTensor {
    return this.binary('AddV2', a, b);
  }

  sub(a: RawTensor, b: RawTensor | number): RawTensor {
    return this.binary('Sub', a, b);
  }

  mul(a: RawTensor, b: RawTensor | number): RawTensor {
    return this.binary('Mul', a, b);
  }

  /** Shares memory. */
  reshape(x: RawTensor, shape: readonly number[]): RawTensor {
    return this.run('Reshape', [x, this.integers(shape)], {
      T: { type: x.dtype },
      Tshape: { type: DataTypes.int32 },
    })[0];
  }

  transpose(x: RawTensor, permutation: readonly number[]): RawTensor {
    return this.run('Transpose', [x, this.integers(permutation)], {
      T: { type: x.dtype },
      Tperm: { type: DataTypes.int32 },
    })[0];
  }

  /** `Sum`, `Mean` or `Max` over some axes. */
  reduce(op: 'Sum' | 'Mean' | 'Max', x: RawTensor, axes: readonly number[], keepDims = false): RawTensor {
    return this.run(op, [x, this.integers(axes)], {
      T: { type: x.dtype },
      Tidx: { type: DataTypes.int32 },
      keep_dims: keepDims,
    })[0];
  }

  cast(x: RawTensor, dtype: number): RawTensor {
    if (x.dtype === dtype) return x;
    return this.run('Cast', [x], {
      SrcT: { type: x.dtype },
      DstT: { type: dtype },
      Truncate: false,
    })[0];
  }

  /**
   * op(a) op(b), over leading axes too, float32 in and out. Products of two axes are computed in the chosen
   * precision; TensorFlow's batched product of bfloat16 on the CPU is slower than that of float32, and attention
   * stays in float32.
   * @param a [..., m, k], or [..., k, m] with `transposeA`
   * @param b [..., k, n], or [..., n, k] with `transposeB`
   */
  matMul(a: RawTensor, b: RawTensor, { transposeA = false, transposeB = false }: Transposes = {}): RawTensor {
    if (a.shape.length > 2)
      return this.run('BatchMatMulV2', [a, b], {
        T: { type: DataTypes.float32 },
        adj_x: transposeA,
        adj_y: transposeB,
      })[0];
    const dtype = settings.bfloat16 ? DataTypes.bfloat16 : DataTypes.float32;
    const [product] = this.run('MatMul', [this.cast(a, dtype), this.cast(b, dtype)], {
      T: { type: dtype },
      transpose_a: transposeA,
      transpose_b: transposeB,
    });
    return this.cast(product, DataTypes.float32);
  }
}

const instances = new WeakMap<TensorFlowEngine, TensorFlowOps>();

/** The ops of an engine, as given to a kernel function. */
export function tensorflowOps(backend: unknown): TensorFlowOps {
  const engine = tensorflowEngine(backend);
  let ops = instances.get(engine);
  if (ops === undefined) {
    ops = new TensorFlowOps(engine);
    instances.set(engine, ops);
  }
  return ops;
}
