import { type Backend, type BackendName, openBackend, PROVIDERS } from '@maehem/backend';
import * as tf from '@tensorflow/tfjs-core';
import type { EngineOffer, GpuLimits } from './protocol.js';
import { enginePath } from './threads.js';

/** The engines that pages know, fastest first, and why some cannot open here. */
export function engineOffers(): Promise<EngineOffer[]> {
  return Promise.all(
    PROVIDERS.map(async (provider) => {
      const refusal = await provider.unavailable();
      const passedOver = refusal === undefined ? await provider.passedOver?.() : undefined;
      const limits = provider.name === 'webgpu' ? await adapterLimits() : undefined;
      return { name: provider.name, refusal, passedOver, ...(limits && { limits }) };
    }),
  );
}

/** What the adapter that an engine would open can hold: a device is asked for with all of it. */
async function adapterLimits(): Promise<GpuLimits | undefined> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return undefined;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return { maxBufferSize, maxStorageBufferBindingSize };
}

/** Open an engine whose files this site serves. */
export async function openEngine(name: BackendName | 'auto', site: string): Promise<Backend> {
  withoutThreadsOfTfjs();
  return openBackend(name, { wasmPath: enginePath(site) });
}

/**
 * On an isolated page tfjs would start threads of its own, from code that a strict policy forbids, for matrix products
 * that our own kernels do. A value that is set before its module is loaded stays.
 */
export function withoutThreadsOfTfjs(): void {
  tf.env().registerFlag('WASM_HAS_MULTITHREAD_SUPPORT', () => false);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
}
