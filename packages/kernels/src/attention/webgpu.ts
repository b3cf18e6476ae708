import type { GpuEngine } from '@maehem/backend';
import type { Tensor3D, TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { allocateNumbers, numbersShape, precisionOf } from '../half/half.js';
import { dispatch, u32 } from '../webgpu/dispatch.js';
import { type GpuTraits, gpuTraits } from '../webgpu/gpu-traits.js';
import {
  type FlashKernel,
  type FlashProgram,
  type FlashTile,
  flashExtent,
  flashForwardWgsl,
  flashKeyValueGradientWgsl,
  flashQueryGradientWgsl,
} from './flash-attention.wgsl.js';
import { chooseFlashTile, flashTakes } from './flash-tiles.js';
import type { AttentionGradInputs } from './inputs.js';

/**
 * Flash attention: → [out, logSum [batch, head, token]], the logarithm to base 2 of each row’s softmax
 * denominator. out lies in memory as qkv does.
 */
export function attentionForwardWebGpu(
  { qkv }: KernelInfos<{ qkv: Tensor3D }>,
  { heads }: { heads: number },
  gpu: GpuEngine,
  tile?: FlashTile,
): TensorInfo[] {
  const { program, key, batch, tokens, width, workgroups } = plan('forward', qkv, heads, gpu, tile);
  const out = allocateNumbers(gpu, [batch, tokens, width], program.precision);
  const logSum = gpu.allocate([batch, heads, tokens], 'float32');
  dispatch(gpu, {
    key,
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
  const ofQueries = plan('query gradient', qkv, heads, gpu, tile);
  const ofKeys = plan('key and value gradient', qkv, heads, gpu, tile);
  const { batch, tokens, program } = ofQueries;
  const dqkv = allocateNumbers(gpu, numbersShape(qkv), program.precision);
  const delta = gpu.allocate([batch, heads, tokens], 'float32');
  const uniforms = [u32(tokens), u32(heads)];
  dispatch(gpu, {
    key: ofQueries.key,
    wgsl: () => flashQueryGradientWgsl(ofQueries.program),
    inputs: [qkv, dy, out, logSum],
    outputs: [dqkv, delta],
    uniforms,
    workgroups: ofQueries.workgroups,
  });
  dispatch(gpu, {
    key: ofKeys.key,
    wgsl: () => flashKeyValueGradientWgsl(ofKeys.program),
    inputs: [qkv, dy, logSum, delta],
    outputs: [dqkv],
    uniforms,
    workgroups: ofKeys.workgroups,
  });
  gpu.release(delta);
  return [dqkv];
}

/** Is there a tile for heads of this width, for every kernel? Forward and backward give the same answer. */
export function flashAttentionTakes(
  { qkv }: { readonly qkv: TensorInfo },
  { heads }: { heads: number },
  gpu: GpuEngine,
): boolean {
  return flashTakes(numbersShape(qkv)[2]! / (3 * heads), gpuTraits(gpu));
}

/** @param wanted another tile than the one that this device should take */
function plan(
  kernel: FlashKernel,
  qkv: TensorInfo,
  heads: number,
  gpu: GpuEngine,
  wanted: FlashTile | undefined,
) {
  const [batch, tokens, packed] = numbersShape(qkv) as [number, number, number];
  const width = packed / 3;
  const dim = width / heads;
  const precision = precisionOf(qkv);
  const traits = gpuTraits(gpu);
  const tile = wanted ?? chooseFlashTile(kernel, { tokens, dim }, precision, traits)!;
  const program: FlashProgram = { dim, tile, precision, ...subgroupsFor(tile, traits) };
  const workgroups = [Math.ceil(tokens / flashExtent(tile).rows), heads, batch] as const;
  return { program, key: `flash ${kernel} ${JSON.stringify(program)}`, batch, tokens, width, workgroups };
}

/** A row's invocations can meet in a subgroup if there are no more of them than it has, and every subgroup is full. */
function subgroupsFor(tile: FlashTile, { subgroups }: GpuTraits): Pick<FlashProgram, 'subgroups'> {
  const meet =
    tile.pipelined &&
    subgroups !== undefined &&
    tile.across <= subgroups.size &&
    flashExtent(tile).invocations % subgroups.size === 0;
  return meet ? { subgroups } : {};
}
