import { type HostMemory, hostMemory } from '@maehem/backend';
import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { type WasmExports, wasmModule } from './module-loading.js';
import { type WebAssemblyApi, webAssembly } from './web-assembly.js';

/**
 * The memory of tfjs's wasm engine and our own code in it. Addresses stay good when the memory grows; views
 * do not.
 */
export interface WasmMemory extends HostMemory {
  readonly code: WasmExports;
  /** The byte at which a tensor begins. */
  address(info: TensorInfo): number;
  /** Room for the length of one call, from the engine's allocator. */
  withScratch(bytes: number, use: (address: number) => void): void;
}

/** The parts of tfjs-backend-wasm 4.22 that this module relies on, looked for when it is first used. */
interface Internals {
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } };
  readonly wasm: { readonly asm?: { readonly memory?: unknown }; readonly wasmMemory?: unknown };
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  disposeData(dataId: object): boolean;
}

const bound = new WeakMap<object, WasmMemory | 'unavailable'>();

/**
 * Our kernels in the memory of `engine`, or `undefined` where they can't be: the host has no SIMD, or the
 * engine is not what we know.
 */
export function wasmMemory(engine: unknown): WasmMemory | undefined {
  if (typeof engine !== 'object' || engine === null) return undefined;
  const known = bound.get(engine);
  if (known !== undefined) return known === 'unavailable' ? undefined : known;
  const memory = bind(engine);
  // A module that does not compile now may do so later: see prepareWasmKernels.
  if (memory !== 'not yet') bound.set(engine, memory ?? 'unavailable');
  return memory === 'not yet' ? undefined : memory;
}

function bind(engine: object): WasmMemory | 'not yet' | undefined {
  if (webAssembly === undefined || !isKnown(engine)) return undefined;
  const memory = memoryOf(engine, webAssembly);
  if (memory === undefined) return undefined;
  const module = wasmModule(memory.buffer instanceof ArrayBuffer ? 'unshared' : 'shared');
  if (module === undefined) return 'not yet';
  let code: WasmExports;
  try {
    code = new webAssembly.Instance(module, { env: { memory, log: Math.log } })
      .exports as unknown as WasmExports;
  } catch {
    return undefined;
  }
  const address = (info: TensorInfo): number => engine.dataIdMap.get(info.dataId).memoryOffset;
  return {
    ...hostMemory(engine),
    code,
    address,
    withScratch: (bytes, use) => {
      const room = engine.makeOutput([Math.ceil(bytes / 4)], 'float32');
      try {
        use(address(room));
      } finally {
        engine.disposeData(room.dataId);
      }
    },
  };
}

function isKnown(engine: object): engine is Internals {
  return ['dataIdMap', 'wasm', 'makeOutput', 'disposeData', 'typedArrayFromHeap', 'incRef'].every(
    (member) => member in engine,
  );
}

/** The single-threaded build exports its memory; the threaded one is given a shared one. */
function memoryOf(
  { wasm }: Internals,
  api: WebAssemblyApi,
): { readonly buffer: ArrayBufferLike } | undefined {
  const memory = wasm.asm?.memory ?? wasm.wasmMemory;
  return memory instanceof api.Memory ? memory : undefined;
}
