import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { numbersShape, precisionOf } from '../half/half.js';
import { openScratch } from '../tuning/scratch.js';
import type { Trial, Tunable } from '../tuning/tunable.js';
import { type GpuTraits, gpuTraits } from '../webgpu/gpu-traits.js';
import { type FlashKernel, type FlashTile, flashExtent } from './flash-attention.wgsl.js';
import { chooseFlashTile, flashChoices } from './flash-tiles.js';
import { flash, flashOutputs, flashSize, flashWgsl } from './webgpu.js';

/** Candidates beyond these are not worth their compilation, as far as can be told without measuring. */
const PROMISING = 12;

/** A kernel of flash attention as something that can be tuned. */
export function tunableAttention(
  gpu: GpuEngine,
  kernel: FlashKernel,
  qkv: TensorInfo,
  heads: number,
): Tunable<FlashTile> {
  const { batch, ...size } = flashSize(qkv, heads);
  const precision = precisionOf(qkv);
  const traits = gpuTraits(gpu);
  return {
    name: `attention ${kernel} ${batch}x${heads}x${size.tokens}x${size.dim} ${precision}`,
    usual: () => chooseFlashTile(kernel, size, precision, traits)!,
    candidates: () => flashChoices(kernel, size, precision, traits).slice(0, PROMISING),
    inWords: (tile) => {
      const { rows, columns, invocations } = flashExtent(tile);
      return `${rows}x${columns} by ${invocations}`;
    },
    open: () => openAttention(gpu, kernel, qkv, heads),
  };
}

/** The kernels whose results a kernel reads. */
const BEFORE: Readonly<Record<FlashKernel, readonly FlashKernel[]>> = {
  forward: [],
  'query gradient': ['forward'],
  'key and value gradient': ['forward', 'query gradient'],
};

function openAttention(
  gpu: GpuEngine,
  kernel: FlashKernel,
  like: TensorInfo,
  heads: number,
): Trial<FlashTile> {
  const scratch = openScratch(gpu);
  const [batch, tokens] = numbersShape(like) as [number, number];
  const rows = { ...like, shape: [batch, tokens, like.shape[2]! / 3] };
  const sums: TensorInfo = { ...like, shape: [batch, heads, tokens], dtype: 'float32' };
  const tensors = {
    ...{ qkv: scratch.numbers(like), dy: scratch.numbers(rows), out: scratch.room(rows) },
    ...{ dqkv: scratch.room(like), logSum: scratch.room(sums), delta: scratch.room(sums) },
  };
  for (const earlier of BEFORE[kernel]) flash(gpu, earlier, heads, tensors);
  return {
    run: (tile) => flash(gpu, kernel, heads, tensors, tile),
    results: flashOutputs(kernel).map((name) => tensors[name]),
    tolerance: precisionOf(like) === 'f32' ? 1e-4 : 4e-3,
    dispose: scratch.dispose,
  };
}

/** A GPU of no vendor, whose tiles stand for all. */
const ANY_GPU: GpuTraits = { software: false, vendor: '', workgroupBytes: 32768, workgroupInvocations: 1024 };

/** What attention may be tuned to, for one width of heads, and the text of its programs for one tile. */
export function attentionSources(): string[] {
  const kernels: readonly FlashKernel[] = ['forward', 'query gradient', 'key and value gradient'];
  return kernels.flatMap((kernel) => {
    const tiles = flashChoices(kernel, { tokens: 197, dim: 64 }, 'f32', ANY_GPU).slice(0, PROMISING);
    const program = { dim: 64, tile: tiles[0]!, precision: 'f32' } as const;
    const texts = [program, { ...program, subgroups: { size: 32, asked: false } }].map((each) =>
      flashWgsl(kernel, each),
    );
    return [JSON.stringify(tiles), ...texts];
  });
}
