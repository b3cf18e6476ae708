import type { GpuEngine } from '@maehem/backend';
import type { Tensor3D, TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { allocateNumbers, numbersShape, precisionOf } from '../half/half.js';
import { choose } from '../tuning/tuning.js';
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
import { chooseFlashTile, type FlashSize, flashTakes } from './flash-tiles.js';
import type { AttentionGradInputs } from './inputs.js';
import { tunableAttention } from './tunable-attention.js';

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
  const { batch, tokens, dim } = flashSize(qkv, heads);
  const out = allocateNumbers(gpu, [batch, tokens, heads * dim], precisionOf(qkv));
  const logSum = gpu.allocate([batch, heads, tokens], 'float32');
  flash(gpu, 'forward', heads, { qkv, out, logSum }, tile);
  return [out, logSum];
}

/** dQ first, and the row sums of dO ∘ O with it; then dK and dV. All straight into the packed gradient. */
export function attentionBackwardWebGpu(
  { dy, qkv, out, softmax: logSum }: KernelInfos<AttentionGradInputs>,
  { heads }: { heads: number },
  gpu: GpuEngine,
  tile?: FlashTile,
): TensorInfo[] {
  const dqkv = allocateNumbers(gpu, numbersShape(qkv), precisionOf(qkv));
  const delta = gpu.allocate(logSum.shape, 'float32');
  const tensors = { qkv, dy, out, logSum, dqkv, delta };
  flash(gpu, 'query gradient', heads, tensors, tile);
  flash(gpu, 'key and value gradient', heads, tensors, tile);
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

/** What the kernels read and write. */
export interface FlashTensors {
  /** [batch, token, 3 * width] */
  readonly qkv: TensorInfo;
  /** [batch, token, width], lying in memory as qkv does; so does dy. */
  readonly out?: TensorInfo;
  readonly dy?: TensorInfo;
  /** Like qkv. */
  readonly dqkv?: TensorInfo;
  /** [batch, head, token], float32. */
  readonly logSum?: TensorInfo;
  readonly delta?: TensorInfo;
}

interface Binding {
  readonly wgsl: (program: FlashProgram) => string;
  readonly inputs: readonly (keyof FlashTensors)[];
  readonly outputs: readonly (keyof FlashTensors)[];
}

const BINDINGS: Readonly<Record<FlashKernel, Binding>> = {
  forward: { wgsl: flashForwardWgsl, inputs: ['qkv'], outputs: ['out', 'logSum'] },
  'query gradient': {
    wgsl: flashQueryGradientWgsl,
    inputs: ['qkv', 'dy', 'out', 'logSum'],
    outputs: ['dqkv', 'delta'],
  },
  'key and value gradient': {
    wgsl: flashKeyValueGradientWgsl,
    inputs: ['qkv', 'dy', 'logSum', 'delta'],
    outputs: ['dqkv'],
  },
};

/** What a kernel writes; dqkv in part. */
export function flashOutputs(kernel: FlashKernel): readonly (keyof FlashTensors)[] {
  return BINDINGS[kernel].outputs;
}

/** The text of a kernel. */
export function flashWgsl(kernel: FlashKernel, program: FlashProgram): string {
  return BINDINGS[kernel].wgsl(program);
}

/**
 * Record one kernel of flash attention.
 * @param tensors those that it reads and writes, at least
 * @param wanted another tile than the one that this device should take
 */
export function flash(
  gpu: GpuEngine,
  kernel: FlashKernel,
  heads: number,
  tensors: FlashTensors,
  wanted?: FlashTile,
): void {
  const { qkv } = tensors;
  const { batch, ...size } = flashSize(qkv, heads);
  const precision = precisionOf(qkv);
  const traits = gpuTraits(gpu);
  const tile =
    wanted ??
    choose(
      gpu,
      () => chooseFlashTile(kernel, size, precision, traits)!,
      () => tunableAttention(gpu, kernel, qkv, heads),
    );
  const program: FlashProgram = { dim: size.dim, tile, precision, ...subgroupsFor(tile, traits) };
  const { inputs, outputs } = BINDINGS[kernel];
  dispatch(gpu, {
    key: `flash ${kernel} ${JSON.stringify(program)}`,
    wgsl: () => flashWgsl(kernel, program),
    inputs: inputs.map((name) => tensors[name]!),
    outputs: outputs.map((name) => tensors[name]!),
    uniforms: [u32(size.tokens), u32(heads)],
    workgroups: [Math.ceil(size.tokens / flashExtent(tile).rows), heads, batch],
  });
}

/** The sizes of packed queries, keys and values. */
export function flashSize(qkv: TensorInfo, heads: number): FlashSize & { readonly batch: number } {
  const [batch, tokens, packed] = numbersShape(qkv) as [number, number, number];
  return { batch, tokens, dim: packed / (3 * heads) };
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
