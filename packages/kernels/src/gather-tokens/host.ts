import type { HostMemory } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { floats, integers } from '../dispatch/host-views.js';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { GatherInputs, RestoreInputs } from './inputs.js';

/** Copies one row for each kept token. */
export function gatherHost(
  { x, ids }: KernelInfos<GatherInputs>,
  _attrs: Record<string, never>,
  memory: HostMemory,
): TensorInfo[] {
  const [batch, tokens, dim] = x.shape as [number, number, number];
  const count = ids.shape[1]!;
  const output = memory.allocate([batch, count, dim], 'float32');
  const out = floats(memory, output);
  const input = floats(memory, x);
  const chosen = integers(memory, ids);
  for (let row = 0; row < batch * count; row++) {
    const from = (Math.floor(row / count) * tokens + chosen[row]!) * dim;
    out.set(input.subarray(from, from + dim), row * dim);
  }
  return [output];
}

/** Copies one row for each token: a visible one, or the fill. */
export function restoreHost(
  { visible, fill, ids }: KernelInfos<RestoreInputs>,
  _attrs: Record<string, never>,
  memory: HostMemory,
): TensorInfo[] {
  const [batch, keep, dim] = visible.shape as [number, number, number];
  const tokens = ids.shape[1]!;
  const output = memory.allocate([batch, tokens, dim], 'float32');
  const out = floats(memory, output);
  const input = floats(memory, visible);
  const filling = floats(memory, fill);
  const chosen = integers(memory, ids);
  for (let row = 0; row < batch * tokens; row++) {
    const id = chosen[row]!;
    const from = (Math.floor(row / tokens) * keep + id) * dim;
    out.set(id < keep ? input.subarray(from, from + dim) : filling, row * dim);
  }
  return [output];
}
