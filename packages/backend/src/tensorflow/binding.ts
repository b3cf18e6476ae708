import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';

/**
 * The parts of tfjs-node that this package relies on: its N-API binding to the TensorFlow C library, and the
 * tfjs engine around it. Both are internal to tfjs-node 4.22 and checked when the backend opens.
 */

/** An attribute of a TensorFlow op, as the binding takes it. */
export interface OpAttribute {
  readonly name: string;
  /** One of the binding's `TF_ATTR_*` numbers. */
  readonly type: number;
  readonly value: unknown;
}

/** What the binding tells of an op's output. */
interface OutputMetadata {
  readonly id: number;
  readonly shape: number[];
  /** TensorFlow's `DataType` number. */
  readonly dtype: number;
}

/** The values that the binding takes and gives. */
export type BindingValues = Float32Array | Int32Array | Uint8Array;

/** The N-API binding. Tensors are known by numbers that are never used twice. */
export interface TensorFlowBinding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_Version: string;
  isUsingGpuDevice(): boolean;
  createTensor(shape: readonly number[], dtype: number, values: BindingValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): BindingValues;
  executeOp(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): OutputMetadata[];
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(model: number): void;
  /** Feeds and fetches are lists of `node:index`, joined by commas. */
  runSavedModel(model: number, inputs: readonly number[], feeds: string, fetches: string): OutputMetadata[];
}

/** tfjs-node's record of a tensor: values not yet handed to TensorFlow, or the number of its tensor. */
export interface TensorRecord {
  shape: number[];
  dtype: number;
  values: BindingValues | null;
  id: number;
  refCount: number;
}

/** tfjs-node's engine. */
export interface TensorFlowEngine {
  binding: TensorFlowBinding;
  readonly tensorMap: {
    get(dataId: object): TensorRecord;
    set(dataId: object, record: TensorRecord): void;
    has(dataId: object): boolean;
    delete(dataId: object): boolean;
  };
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  disposeData(dataId: object, force?: boolean): boolean;
  incRef(dataId: object): void;
  refCount(dataId: object): number;
}

/** TensorFlow's `DataType` numbers of the types that we use. */
export const DataTypes = { float32: 1, int32: 3, string: 7, bool: 10, bfloat16: 14, resource: 20 } as const;

/** The tfjs type of a TensorFlow type. */
export function tfjsType(dtype: number): DataType {
  if (dtype === DataTypes.float32) return 'float32';
  if (dtype === DataTypes.int32) return 'int32';
  if (dtype === DataTypes.bool) return 'bool';
  throw new Error(`TensorFlow's data type ${dtype} has no tensor in tfjs; cast it inside the kernel`);
}

const BINDING_MEMBERS = [
  'createTensor',
  'deleteTensor',
  'tensorDataSync',
  'executeOp',
  'loadSavedModel',
  'runSavedModel',
] as const;

/**
 * tfjs's engine, as tfjs-node's.
 * @throws when it lacks what this package relies on, naming it.
 */
export function tensorflowEngine(engine: unknown): TensorFlowEngine {
  const candidate = engine as TensorFlowEngine;
  const missing = [
    ...BINDING_MEMBERS.filter((name) => typeof candidate.binding?.[name] !== 'function'),
    ...(typeof candidate.tensorMap?.get === 'function' ? [] : ['tensorMap']),
    ...(typeof candidate.getInputTensorIds === 'function' ? [] : ['getInputTensorIds']),
  ];
  if (missing.length > 0)
    throw new Error(
      `this tfjs-node has no ${missing.join(', ')}: @maehem/backend knows tfjs-node 4.22; install that version`,
    );
  return candidate;
}
