import * as tf from '@tensorflow/tfjs-core';
import { cpuProvider } from './cpu.js';
import { wasmProvider } from './wasm.js';

/** The names of the engines that MAEhem can open. `auto` takes the fastest that this machine offers. */
export type BackendName = 'cpu' | 'wasm';

/** What an opened engine can do. Sizes in bytes; `Infinity` where the engine names no limit. */
export interface Capabilities {
  /** Where the arithmetic runs. */
  readonly device: 'cpu' | 'gpu';
  /** Does JavaScript see tensor memory without a copy, so that kernels may work on it directly? */
  readonly sharedMemory: boolean;
  /** Half-precision storage and arithmetic. */
  readonly float16: boolean;
  /** The number of threads that kernels use. */
  readonly threads: number;
  /** The largest single tensor. */
  readonly maxTensorBytes: number;
}

/** A reading of memory: tensors that tfjs counts, and what the engine and the process hold. */
export interface MemoryReport {
  readonly tensors: number;
  readonly tensorBytes: number;
  /** Size of the engine's own heap or pool, where it has one. */
  readonly heapBytes?: number;
  /** Resident set size of this process, in Node. */
  readonly residentBytes?: number;
}

/** Options for {@link openBackend}. */
export interface OpenOptions {
  /** wasm in a page: the folder, with a trailing slash, that serves `tfjs-backend-wasm*.wasm`. */
  readonly wasmPath?: string;
}

/** An opened engine, tfjs's current one from then on. */
export interface Backend {
  readonly name: BackendName;
  /** One line for people: which device this is. */
  readonly description: string;
  readonly capabilities: Capabilities;
  memory(): MemoryReport;
}

/** What it takes to offer an engine; `auto` tries providers in the order of {@link PROVIDERS}. */
export interface BackendProvider {
  readonly name: BackendName;
  /** Why this engine cannot open here and what to do about it, or `undefined` when it can. */
  unavailable(): Promise<string | undefined>;
  /** Register the tfjs backend, without making it current. */
  register(options: OpenOptions): Promise<void>;
  /** Describe the engine once it is current. */
  describe(): Promise<Omit<Backend, 'name' | 'memory'> & { readonly heapBytes?: () => number }>;
}

/** Fastest first. */
export const PROVIDERS: readonly BackendProvider[] = [wasmProvider, cpuProvider];

/**
 * Open an engine and make it tfjs's current one.
 * @param name an engine, or `auto` for the fastest that opens.
 * @throws when the name is unknown, or the engine cannot open; the message says why and what to do.
 */
export async function openBackend(
  name: BackendName | 'auto' = 'auto',
  options: OpenOptions = {},
): Promise<Backend> {
  const candidates = name === 'auto' ? PROVIDERS : [providerNamed(name)];
  const refusals: string[] = [];
  for (const provider of candidates) {
    const reason = await provider.unavailable();
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
  if (!(await tf.setBackend(provider.name)))
    throw new Error(`tfjs refused to start its ${provider.name} backend`);
  await tf.ready();
  const { heapBytes, ...description } = await provider.describe();
  return { name: provider.name, ...description, memory: () => readMemory(heapBytes?.()) };
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
