import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { WasmMemory } from '../wasm/wasm-memory.js';

/** The formula of the host kernel, four entries at a time. */
export function geluForwardWasm(
  { x }: { readonly x: TensorInfo },
  _attrs: Record<string, never>,
  memory: WasmMemory,
): TensorInfo[] {
  const y = memory.allocate(x.shape, 'float32');
  const derivative = memory.allocate(x.shape, 'float32');
  const count = x.shape.reduce((product, n) => product * n, 1);
  memory.code.gelu(memory.address(x), count, memory.address(y), memory.address(derivative));
  return [y, derivative];
}
