import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';

/** A view of tensor memory. `bool` tensors are bytes. */
export type HostView = Float32Array | Int32Array | Uint8Array;

/**
 * Direct access to tensor memory, for engines that share it with JavaScript.
 * Allocate every output before taking any view: an allocation may move wasm's heap, and a stale view reads
 * as empty.
 */
export interface HostMemory {
  /** A new tensor of undefined content. */
  allocate(shape: readonly number[], dtype: DataType): TensorInfo;
  /** The live memory of a tensor, row-major. Writing to it changes the tensor. */
  view(info: TensorInfo): HostView;
  /** A second handle on the same memory, for kernels that work in place. */
  alias(info: TensorInfo): TensorInfo;
}

/** The parts of tfjs's wasm engine that this module relies on. */
interface WasmEngine {
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): HostView;
  incRef(dataId: object): void;
}

/** The parts of tfjs's cpu engine that this module relies on. */
interface CpuEngine {
  makeTensorInfo(shape: number[], dtype: DataType, values: HostView): TensorInfo;
  readonly data: { get(dataId: object): { values: HostView } };
  incRef(dataId: object): void;
}

function wasmMemory(engine: WasmEngine): HostMemory {
  return {
    allocate: (shape, dtype) => engine.makeOutput([...shape], dtype),
    view: (info) => engine.typedArrayFromHeap(info),
    alias: (info) => {
      engine.incRef(info.dataId);
      return { dataId: info.dataId, shape: info.shape, dtype: info.dtype };
    },
  };
}

function cpuMemory(engine: CpuEngine): HostMemory {
  return {
    allocate: (shape, dtype) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const values = dtype === 'int32' ? new Int32Array(size) : new Float32Array(size);
      return engine.makeTensorInfo([...shape], dtype, values);
    },
    view: (info) => engine.data.get(info.dataId).values,
    alias: (info) => {
      engine.incRef(info.dataId);
      return { dataId: info.dataId, shape: info.shape, dtype: info.dtype };
    },
  };
}

/**
 * Host memory of a tfjs engine, as given to a kernel function.
 * @throws when the engine keeps its tensors where JavaScript cannot reach them.
 */
export function hostMemory(engine: unknown): HostMemory {
  if (typeof engine === 'object' && engine !== null) {
    if ('typedArrayFromHeap' in engine) return wasmMemory(engine as unknown as WasmEngine);
    if ('makeTensorInfo' in engine && 'data' in engine) return cpuMemory(engine as unknown as CpuEngine);
  }
  throw new Error('this engine does not share its tensor memory with JavaScript');
}
