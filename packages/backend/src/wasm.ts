import * as tf from '@tensorflow/tfjs-core';
import type { BackendProvider } from './provider.js';

/** WebAssembly memory is addressed with 32 bits, and tfjs builds its module with a 2 GB ceiling per tensor. */
const MAX_TENSOR_BYTES = 2 ** 31 - 1;

interface WasmEngine {
  readonly wasm: { readonly HEAPU8: Uint8Array };
}

/** tfjs's WebAssembly engine (XNNPACK matrix products, SIMD where the host has it). */
export const wasmProvider: BackendProvider = {
  name: 'wasm',
  unavailable: async () =>
    'WebAssembly' in globalThis ? undefined : 'this host has no WebAssembly; use cpu',
  register: async (options) => {
    if (tf.findBackendFactory('wasm') !== null) return;
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    if (options.wasmPath !== undefined) wasm.setWasmPaths(options.wasmPath);
    shareIdentities();
  },
  describe: async () => {
    const { getThreadsCount } = await import('@tensorflow/tfjs-backend-wasm');
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
    const threaded = await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT');
    const threads = threaded ? getThreadsCount() : 1;
    return {
      description: `WebAssembly${simd ? ' with SIMD' : ''}${threads > 1 ? `, ${threads} threads` : ''}`,
      capabilities: {
        device: 'cpu',
        sharedMemory: true,
        float16: false,
        threads,
        maxTensorBytes: MAX_TENSOR_BYTES,
      },
      heapBytes: () => (tf.backend() as unknown as WasmEngine).wasm.HEAPU8.byteLength,
    };
  },
};

/**
 * tfjs's wasm engine copies memory for `Identity`, with which the tape saves what a gradient needs, 159 times
 * in a small training step; its cpu and GPU engines hand out the same memory again, and so does this one now.
 * Kernels that update in place look at the number of holders first (`HostMemory.updatable`).
 */
function shareIdentities(): void {
  tf.unregisterKernel('Identity', 'wasm');
  tf.registerKernel({
    kernelName: 'Identity',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend }) => {
      const { dataId, shape, dtype } = inputs['x'] as tf.TensorInfo;
      (backend as { incRef(dataId: object): void }).incRef(dataId);
      return { dataId, shape, dtype };
    },
  });
}
