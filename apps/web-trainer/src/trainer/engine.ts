import {
  type Backend,
  type BackendName,
  type BackendProvider,
  openBackend,
  PROVIDERS,
} from '@maehem/backend';
import type { PretrainSettings } from '@maehem/settings';
import * as tf from '@tensorflow/tfjs-core';
import { engineToCome } from './offers.js';
import type { EngineOffer, GpuLimits } from './protocol.js';
import { enginePath } from './threads.js';

/** The engines that pages know, fastest first, and what each can do here. */
export function engineOffers(): Promise<EngineOffer[]> {
  return Promise.all(PROVIDERS.map(engineOffer));
}

async function engineOffer(provider: BackendProvider): Promise<EngineOffer> {
  const { name } = provider;
  const refusal = await provider.unavailable();
  const passedOver = refusal === undefined ? await provider.passedOver?.() : undefined;
  const withoutHalf = provider.precisions?.includes('float16')
    ? await provider.unavailable({ precision: 'float16' })
    : `${name} computes in float32`;
  const limits = name === 'webgpu' ? await adapterLimits() : undefined;
  return { name, refusal, passedOver, withoutHalf, ...(limits && { limits }) };
}

/** What the adapter that an engine would open can hold: a device is asked for with all of it. */
async function adapterLimits(): Promise<GpuLimits | undefined> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return undefined;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return { maxBufferSize, maxStorageBufferBindingSize };
}

/**
 * Open an engine whose files this site serves. Where it cannot compute in the precision that settings ask for, it
 * computes in float32, and a note says why: a shared link or a kept run may come from another machine.
 */
export async function openEngine(
  name: BackendName | 'auto',
  site: string,
  { precision }: PretrainSettings,
): Promise<{ backend: Backend; notes: readonly string[] }> {
  withoutThreadsOfTfjs();
  const refusal = await refusalOf(precision, name);
  const backend = await openBackend(name, {
    wasmPath: enginePath(site),
    precision: precision === 'f16' && refusal === undefined ? 'float16' : 'float32',
  });
  return { backend, notes: refusal === undefined ? [] : [`In f32, not ${precision}: ${refusal}`] };
}

/** Why an engine cannot compute in a precision here. */
async function refusalOf(
  precision: PretrainSettings['precision'],
  name: BackendName | 'auto',
): Promise<string | undefined> {
  if (precision === 'f32') return undefined;
  if (precision === 'bf16') return 'bf16 is for TensorFlow, in Node';
  return engineToCome(name, await engineOffers())?.withoutHalf;
}

/**
 * On an isolated page tfjs would start threads of its own, from code that a strict policy forbids, for matrix products
 * that our own kernels do. A value that is set before its module is loaded stays.
 */
export function withoutThreadsOfTfjs(): void {
  tf.env().registerFlag('WASM_HAS_MULTITHREAD_SUPPORT', () => false);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
}
