import type { HostMemory } from '@maehem/backend';
import * as tf from '@tensorflow/tfjs-core';
import { floats } from '../dispatch/host-views.js';
import { defineKernel, type Kernel, type KernelInfos } from '../dispatch/kernel.js';
import { mergeHeadsWebGpu, splitHeadsWebGpu } from './heads-webgpu.js';

type Packed = { x: tf.Tensor3D };
/** Up to three tensors of one shape, [batch, head, token, dim]: an output, or dq, dk and dv. */
type Parts = { part0: tf.Tensor4D; part1: tf.Tensor4D | undefined; part2: tf.Tensor4D | undefined };

/** x [batch, token, parts * heads * dim] → `parts` tensors [batch, head, token, dim]. */
export const splitHeads: Kernel<Packed, { parts: number; heads: number }> = defineKernel({
  name: 'MaehemSplitHeads',
  host: splitHeadsHost,
  webgpu: splitHeadsWebGpu,
  composite: ({ x }: Packed, { parts, heads }) =>
    tf.tidy(() => {
      const [batch, tokens, width] = x.shape;
      const dim = width / (parts * heads);
      const groups = tf.transpose(tf.reshape(x, [batch, tokens, parts * heads, dim]), [0, 2, 1, 3]);
      return Array.from({ length: parts }, (_, part) =>
        tf.slice(groups, [0, part * heads, 0, 0], [batch, heads, tokens, dim]),
      );
    }),
});

/** The inverse: tensors [batch, head, token, dim] → [[batch, token, parts * heads * dim]]. */
export const mergeHeads: Kernel<Parts, Record<string, never>> = defineKernel({
  name: 'MaehemMergeHeads',
  host: mergeHeadsHost,
  webgpu: mergeHeadsWebGpu,
  composite: ({ part0, part1, part2 }: Parts) =>
    tf.tidy(() => {
      const parts = [part0, part1, part2].filter((part) => part !== undefined);
      const [batch, heads, tokens, dim] = part0.shape;
      const groups = parts.length === 1 ? part0 : (tf.concat(parts, 1) as tf.Tensor4D);
      return [tf.reshape(tf.transpose(groups, [0, 2, 1, 3]), [batch, tokens, parts.length * heads * dim])];
    }),
});

/** Copies runs of `dim` numbers, straight to their places; tfjs would transpose all and then slice. */
function splitHeadsHost(
  { x }: KernelInfos<Packed>,
  { parts, heads }: { parts: number; heads: number },
  memory: HostMemory,
): tf.TensorInfo[] {
  const [batch, tokens, width] = x.shape as [number, number, number];
  const dim = width / (parts * heads);
  const outputs = Array.from({ length: parts }, () =>
    memory.allocate([batch, heads, tokens, dim], 'float32'),
  );
  const packed = floats(memory, x);
  for (const [part, output] of outputs.entries())
    copyRuns(
      { batch, heads, tokens, dim, width, offset: part * heads * dim },
      packed,
      floats(memory, output),
      false,
    );
  return outputs;
}

function mergeHeadsHost(
  inputs: KernelInfos<Parts>,
  _attrs: Record<string, never>,
  memory: HostMemory,
): tf.TensorInfo[] {
  const parts = [inputs.part0, inputs.part1, inputs.part2].filter((part) => part !== undefined);
  const [batch, heads, tokens, dim] = inputs.part0.shape as [number, number, number, number];
  const width = parts.length * heads * dim;
  const output = memory.allocate([batch, tokens, width], 'float32');
  const packed = floats(memory, output);
  for (const [part, info] of parts.entries())
    copyRuns(
      { batch, heads, tokens, dim, width, offset: part * heads * dim },
      packed,
      floats(memory, info),
      true,
    );
  return [output];
}

interface Runs {
  readonly batch: number;
  readonly heads: number;
  readonly tokens: number;
  readonly dim: number;
  /** Width of a packed token, and where this part begins in it. */
  readonly width: number;
  readonly offset: number;
}

/** Copy between the packed layout and one part, towards the packed one if `pack`. */
function copyRuns(runs: Runs, packed: Float32Array, part: Float32Array, pack: boolean): void {
  const { batch, heads, tokens, dim, width, offset } = runs;
  let at = 0;
  for (let b = 0; b < batch; b++)
    for (let head = 0; head < heads; head++)
      for (let token = 0; token < tokens; token++) {
        const from = (b * tokens + token) * width + offset + head * dim;
        if (pack) for (let i = 0; i < dim; i++) packed[from + i] = part[at + i]!;
        else for (let i = 0; i < dim; i++) part[at + i] = packed[from + i]!;
        at += dim;
      }
}
