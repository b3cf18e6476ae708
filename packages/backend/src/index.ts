export { openBackend, PROVIDERS } from './backend.js';
export { type Captured, capture, engineName, type Program, registerOnCurrentEngine } from './capture.js';
export { type HostMemory, type HostView, hostMemory } from './host-memory.js';
export { clone, dispose, keep, parameterCount, type TensorTree, tidy } from './params.js';
export { currentPrecision } from './precision.js';
export type {
  Backend,
  BackendName,
  BackendProvider,
  Capabilities,
  MemoryReport,
  OpenOptions,
  Precision,
} from './provider.js';
export { recomputed } from './recomputed.js';
export { DataTypes } from './tensorflow/binding.js';
export { attr as graphAttribute, type GraphBuilder, type GraphForm } from './tensorflow/graph-builder.js';
export { type RawTensor, type TensorFlowOps, tensorflowOps } from './tensorflow/ops.js';
export { type Gradients, type Trainable, type ValueAndGrad, valueAndGrad } from './value-and-grad.js';
export { type GpuDispatch, type GpuEngine, type GpuKernel, gpuEngine } from './webgpu/engine.js';
export { GpuLostError, GpuMemoryError } from './webgpu/health.js';
