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
  /**
   * A handle to write to, with the tensor's content: on its own memory when nobody else holds that, on a
   * copy otherwise. A clone that somebody kept of a weight must not change with it.
   */
  updatable(info: TensorInfo): TensorInfo;
}

/** The parts of tfjs's wasm engine that this module relies on. */
interface WasmEngine {
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): HostView;
  refCount(dataId: object): number;
  incRef(dataId: object): void;
}

/** The parts of tfjs's cpu engine that this module relies on. */
interface CpuEngine {
  makeTensorInfo(shape: number[], dtype: DataType, values: HostView): TensorInfo;
  readonly data: { get(dataId: object): { values: HostView } };
}

function wasmMemory(engine: WasmEngine): HostMemory {
  const memory: Omit<HostMemory, 'updatable'> = {
    allocate: (shape, dtype) => engine.makeOutput([...shape], dtype),
    view: (info) => engine.typedArrayFromHeap(info),
  };
  const updatable = (info: TensorInfo): TensorInfo => {
    if (engine.refCount(info.dataId) > 1) return copy(memory, info);
    engine.incRef(info.dataId);
    return { dataId: info.dataId, shape: info.shape, dtype: info.dtype };
  };
  return { ...memory, updatable };
}

function cpuMemory(engine: CpuEngine): HostMemory {
  const memory: Omit<HostMemory, 'updatable'> = {
    allocate: (shape, dtype) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const values = dtype === 'int32' ? new Int32Array(size) : new Float32Array(size);
      return engine.makeTensorInfo([...shape], dtype, values);
    },
    view: (info) => engine.data.get(info.dataId).values,
  };
  // This engine's tensors live in the very arrays that callers made them from: those are never written to.
  return { ...memory, updatable: (info) => copy(memory, info) };
}

function copy(memory: Omit<HostMemory, 'updatable'>, info: TensorInfo): TensorInfo {
  const output = memory.allocate(info.shape, info.dtype);
  memory.view(output).set(memory.view(info));
  return output;
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
