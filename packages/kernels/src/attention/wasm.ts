import type { Tensor3D, TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import type { WasmMemory } from '../wasm/wasm-memory.js';
import type { AttentionGradInputs } from './inputs.js';

/** Head by head, straight from the packed projections: no head is split off or merged. */
export function attentionForwardWasm(
  { qkv }: KernelInfos<{ qkv: Tensor3D }>,
  { heads }: { heads: number },
  memory: WasmMemory,
): TensorInfo[] {
  const [batch, tokens, packed] = qkv.shape as [number, number, number];
  const dim = packed / (3 * heads);
  const out = memory.allocate([batch, tokens, heads * dim], 'float32');
  const probabilities = memory.allocate([batch, heads, tokens, tokens], 'float32');
  const { code, address } = memory;
  memory.withScratch(code.attentionScratchBytes(tokens, dim), (scratch) =>
    code.attentionForward(
      address(qkv),
      address(out),
      address(probabilities),
      batch,
      tokens,
      heads,
      dim,
      scratch,
    ),
  );
  return [out, probabilities];
}

/** As the forward pass; each head's dP is scratch space that stays in the cache. */
export function attentionBackwardWasm(
  { dy, qkv, softmax }: KernelInfos<AttentionGradInputs>,
  { heads }: { heads: number },
  memory: WasmMemory,
): TensorInfo[] {
  const [batch, tokens, packed] = qkv.shape as [number, number, number];
  const dim = packed / (3 * heads);
  const dqkv = memory.allocate(qkv.shape, 'float32');
  const { code, address } = memory;
  memory.withScratch(code.attentionScratchBytes(tokens, dim), (scratch) =>
    code.attentionBackward(
      address(dy),
      address(qkv),
      address(softmax),
      address(dqkv),
      batch,
      tokens,
      heads,
      dim,
      scratch,
    ),
  );
  return [dqkv];
}
