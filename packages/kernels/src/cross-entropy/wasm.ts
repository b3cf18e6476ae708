import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { WasmMemory } from '../wasm/wasm-memory.js';
import type { CrossEntropyInputs } from './inputs.js';

/** Two passes over each sample's logits; its sums in float64. */
export function crossEntropyWasm(
  { logits, targets }: KernelInfos<CrossEntropyInputs>,
  _attrs: Record<string, never>,
  { allocate, address, code }: WasmMemory,
): TensorInfo[] {
  const [batch, classes] = logits.shape as [number, number];
  const loss = allocate([], 'float32');
  const dlogits = allocate(logits.shape, 'float32');
  code.crossEntropy(address(logits), address(targets), batch, classes, address(loss), address(dlogits));
  return [loss, dlogits];
}
