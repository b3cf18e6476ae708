import type { GpuEngine } from '@maehem/backend';
import type { Tensor3D, TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { allocateNumbers, numbersShape, precisionOf } from '../half/half.js';
import { dispatch, u32 } from '../webgpu/dispatch.js';
import { gpuTraits } from '../webgpu/gpu-traits.js';
import {
  type FlashProgram,
  type FlashTile,
  flashForwardWgsl,
  flashKeyValueGradientWgsl,
  flashQueryGradientWgsl,
} from './flash-attention.wgsl.js';
import { chooseFlashTile } from './flash-tiles.js';
import type { AttentionGradInputs } from './inputs.js';

/**
 * Flash attention: → [out, logSum [batch, head, token]], the logarithm of each row’s softmax denominator. out lies in
 * memory as qkv does.
 */
export function attentionForwardWebGpu(
  { qkv }: KernelInfos<{ qkv: Tensor3D }>,
  { heads }: { heads: number },
  gpu: GpuEngine,
  tile?: FlashTile,
): TensorInfo[] {
  const { program, key, batch, tokens, width, workgroups } = plan(qkv, heads, gpu, tile);
  const out = allocateNumbers(gpu, [batch, tokens, width], program.precision);
  const logSum = gpu.allocate([batch, heads, tokens], 'float32');
  dispatch(gpu, {
    key: `flash forward ${key}`,
    wgsl: () => flashForwardWgsl(program),
    inputs: [qkv],
    outputs: [out, logSum],
    uniforms: [u32(tokens), u32(heads)],
    workgroups,
  });
  return [out, logSum];
}

/** dQ first, and the row sums of dO ∘ O with it; then dK and dV. All straight into the packed gradient. */
export function attentionBackwardWebGpu(
  { dy, qkv, out, softmax: logSum }: KernelInfos<AttentionGradInputs>,
  { heads }: { heads: number },
  gpu: GpuEngine,
  tile?: FlashTile,
): TensorInfo[] {
  const { program, key, batch, tokens, workgroups } = plan(qkv, heads, gpu, tile);
  const dqkv = allocateNumbers(gpu, numbersShape(qkv), program.precision);
  const delta = gpu.allocate([batch, heads, tokens], 'float32');
  const uniforms = [u32(tokens), u32(heads)];
  dispatch(gpu, {
    key: `flash query gradient ${key}`,
    wgsl: () => flashQueryGradientWgsl(program),
    inputs: [qkv, dy, out, logSum],
    outputs: [dqkv, delta],
    uniforms,
    workgroups,
  });
  dispatch(gpu, {
    key: `flash key and value gradient ${key}`,
    wgsl: () => flashKeyValueGradientWgsl(program),
    inputs: [qkv, dy, logSum, delta],
    outputs: [dqkv],
    uniforms,
    workgroups,
  });
  gpu.release(delta);
  return [dqkv];
}

/** Is there a tile for heads of this width? Forward and backward give the same answer. */
export function flashAttentionTakes(
  { qkv }: { readonly qkv: TensorInfo },
  { heads }: { heads: number },
  gpu: GpuEngine,
): boolean {
  return chooseFlashTile(qkv.shape[2]! / (3 * heads), gpuTraits(gpu)) !== undefined;
}

/** @param wanted another tile than the one that this device should take */
function plan(qkv: TensorInfo, heads: number, gpu: GpuEngine, wanted: FlashTile | undefined) {
  const [batch, tokens, packed] = numbersShape(qkv) as [number, number, number];
  const width = packed / 3;
  const dim = width / heads;
  const tile = wanted ?? chooseFlashTile(dim, gpuTraits(gpu))!;
  const program: FlashProgram = { dim, tile, precision: precisionOf(qkv) };
  const workgroups = [Math.ceil(tokens / tile.rows), heads, batch] as const;
  return { program, key: JSON.stringify(program), batch, tokens, width, workgroups };
}
