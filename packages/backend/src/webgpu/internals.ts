import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';

/** What tfjs's WebGPU engine knows of a tensor. */
export interface TensorData {
  readonly dtype: DataType;
  readonly shape: number[];
  /** Host values: what is to be uploaded, or what was read. Stale once a kernel writes to the buffer. */
  values: unknown;
  resource?: GPUBuffer | null;
  /** The buffer is not the engine's to give away. */
  external?: boolean;
}

/**
 * The parts of tfjs-backend-webgpu 4.22.0 that this project works with, several of them private. This module
 * and its neighbours are the only ones to know them; a start-up check sees to it that they are there.
 */
export interface Internals extends KernelBackend {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  readonly tensorMap: { get(dataId: object): TensorData; has(dataId: object): boolean };
  readonly bufferManager: {
    acquireBuffer: (size: number, usage: number, mappedAtCreation?: boolean, reuse?: boolean) => GPUBuffer;
    releaseBuffer: (buffer: GPUBuffer, reuse?: boolean) => void;
    readonly numBytesAllocated: number;
    readonly numBytesUsed: number;
  };
  /** Commands that are recorded and not yet submitted. */
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  dispatchCountInPass: number;
  /** Tensors that recorded commands use: their buffers are not given away before the submission. */
  commandQueueOwnedIds: WeakSet<object>;
  activeTimers?: unknown[] | null;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  uploadToGPU(dataId: object): void;
  makeTensorInfo(shape: number[], dtype: DataType): TensorInfo;
  incRef(dataId: object): void;
}

/** The version that the list below was read in. */
const KNOWN_VERSION = '4.22.0';

const METHODS = [
  'ensureCommandEncoderReady',
  'endComputePassEncoder',
  'submitQueue',
  'uploadToGPU',
  'makeTensorInfo',
  'incRef',
  'refCount',
  'disposeData',
  'read',
  'memory',
] as const;

/**
 * The engine, seen from inside.
 * @throws when something that this project relies on is missing; the message names it.
 */
export function internalsOf(engine: unknown): Internals {
  const parts = engine as Partial<Record<string, unknown>>;
  const manager = parts['bufferManager'] as Partial<Record<string, unknown>> | undefined;
  const missing = [
    ...METHODS.filter((name) => typeof parts[name] !== 'function'),
    ...['device', 'queue', 'tensorMap', 'commandQueueOwnedIds'].filter(
      (name) => typeof parts[name] !== 'object',
    ),
    ...['commandEncoder', 'computePassEncoder'].filter((name) => !(name in parts)),
    ...(typeof parts['dispatchCountInPass'] === 'number' ? [] : ['dispatchCountInPass']),
    ...['acquireBuffer', 'releaseBuffer']
      .filter((name) => typeof manager?.[name] !== 'function')
      .map((name) => `bufferManager.${name}`),
  ];
  if (missing.length > 0)
    throw new Error(
      `tfjs-backend-webgpu is not the version ${KNOWN_VERSION} that MAEhem knows: it lacks ${missing.join(', ')}`,
    );
  return engine as Internals;
}
