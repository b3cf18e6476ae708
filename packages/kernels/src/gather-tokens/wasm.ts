import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { WasmMemory } from '../wasm/wasm-memory.js';
import type { GatherInputs, RestoreInputs } from './inputs.js';

/** Copies one row for each kept token; an id that is no token's gives NaN. */
export function gatherWasm(
  { x, ids }: KernelInfos<GatherInputs>,
  _attrs: Record<string, never>,
  { allocate, address, code }: WasmMemory,
): TensorInfo[] {
  const [batch, tokens, dim] = x.shape as [number, number, number];
  const count = ids.shape[1]!;
  const output = allocate([batch, count, dim], 'float32');
  code.gatherTokens(address(x), address(ids), batch, tokens, count, dim, address(output));
  return [output];
}

/** Copies one row for each token: a visible one, or the fill. */
export function restoreWasm(
  { visible, fill, ids }: KernelInfos<RestoreInputs>,
  _attrs: Record<string, never>,
  { allocate, address, code }: WasmMemory,
): TensorInfo[] {
  const [batch, keep, dim] = visible.shape as [number, number, number];
  const tokens = ids.shape[1]!;
  const output = allocate([batch, tokens, dim], 'float32');
  const to = address(output);
  code.restoreTokens(address(visible), address(fill), address(ids), batch, tokens, keep, dim, to);
  return [output];
}
