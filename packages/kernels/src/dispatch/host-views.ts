import type { HostMemory } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';

/** The memory of a float32 tensor. */
export function floats(memory: HostMemory, info: TensorInfo): Float32Array {
  return memory.view(info) as Float32Array;
}

/** The memory of an int32 tensor. */
export function integers(memory: HostMemory, info: TensorInfo): Int32Array {
  return memory.view(info) as Int32Array;
}
