import * as tf from '@tensorflow/tfjs-core';
import { tensorflowOnGpuProvider, tensorflowProvider } from '#tensorflow-provider';
import { cpuProvider } from './cpu.js';
import { choosePrecision } from './precision.js';
import type { Backend, BackendName, BackendProvider, MemoryReport, OpenOptions } from './provider.js';
import { wasmProvider } from './wasm.js';
import { webgpuProvider } from './webgpu/webgpu.js';

/** One for each name. */
export const PROVIDERS: readonly BackendProvider[] = present([
  tensorflowProvider,
  webgpuProvider,
  wasmProvider,
  cpuProvider,
]);

/** Fastest first: TensorFlow with CUDA, a GPU through WebGPU, TensorFlow on the CPU, wasm. */
const AUTOMATIC: readonly BackendProvider[] = present([
  tensorflowOnGpuProvider,
  webgpuProvider,
  tensorflowProvider,
  wasmProvider,
  cpuProvider,
]);

/** Without the engines that this host (a page, or Node) does not know. */
function present(providers: readonly (BackendProvider | undefined)[]): BackendProvider[] {
  return providers.filter((provider) => provider !== undefined);
}

/**
 * Open an engine and make it tfjs's current one.
 * @param name an engine, or `auto` for the fastest that opens.
 * @throws when the name is unknown, or the engine cannot open; the message says why and what to do.
 */
export async function openBackend(
  name: BackendName | 'auto' = 'auto',
  options: OpenOptions = {},
): Promise<Backend> {
  const candidates = name === 'auto' ? AUTOMATIC : [providerNamed(name)];
  const refusals: string[] = [];
  for (const provider of candidates) {
    const reason =
      unsuitable(provider, options) ??
      (await provider.unavailable(options)) ??
      (name === 'auto' ? await provider.passedOver?.(options) : undefined);
    if (reason === undefined) return activate(provider, options);
    refusals.push(`${provider.name}: ${reason}`);
  }
  throw new Error(`no backend opens here. ${refusals.join('; ')}`);
}

function providerNamed(name: string): BackendProvider {
  const provider = PROVIDERS.find((candidate) => candidate.name === name);
  if (provider !== undefined) return provider;
  const known = PROVIDERS.map((candidate) => candidate.name).join(', ');
  throw new Error(`unknown backend '${name}'; choose one of auto, ${known}`);
}

async function activate(provider: BackendProvider, options: OpenOptions): Promise<Backend> {
  await provider.register(options);
  choosePrecision(provider.name, options.precision ?? 'float32');
  if (!(await tf.setBackend(provider.name)))
    throw new Error(`tfjs refused to start its ${provider.name} backend`);
  await tf.ready();
  const { heapBytes, ...description } = await provider.describe();
  return { name: provider.name, ...description, memory: () => readMemory(heapBytes?.()) };
}

/** What an option asks for that this engine cannot do anywhere, and who can. */
function unsuitable(
  { name, precisions = [] }: BackendProvider,
  { precision = 'float32', xla = false, tensorCores = false }: OpenOptions,
): string | undefined {
  if (precision !== 'float32' && !precisions.includes(precision)) {
    const able = PROVIDERS.filter((other) => other.precisions?.includes(precision));
    const others = able.map((other) => other.name).join(', ') || 'no backend here';
    return `the ${name} backend does not compute in ${precision}; ${others} can`;
  }
  if (tensorCores && precision !== 'float16')
    return 'tensor cores multiply in float16: ask for that precision too';
  if (xla && name !== 'tensorflow') return `XLA compiles for the tensorflow backend, not for ${name}`;
  return undefined;
}

function readMemory(heapBytes: number | undefined): MemoryReport {
  const { numTensors, numBytes } = tf.memory();
  const inNode = typeof process !== 'undefined' && typeof process.memoryUsage === 'function';
  return {
    tensors: numTensors,
    tensorBytes: numBytes,
    ...(heapBytes === undefined ? {} : { heapBytes }),
    ...(inNode ? { residentBytes: process.memoryUsage().rss } : {}),
  };
}
