import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, spread, u32 } from '../webgpu/dispatch.js';
import { lanes } from '../webgpu/lanes.js';

const WORKGROUP = 256;

/** One dispatch for all parts: an invocation finds the place of its step in the packed token. */
export function splitHeadsWebGpu(
  { x }: { readonly x: TensorInfo },
  { parts, heads }: { parts: number; heads: number },
  gpu: GpuEngine,
): TensorInfo[] {
  const [batch, tokens, width] = x.shape as [number, number, number];
  const dim = width / (parts * heads);
  const outputs = Array.from({ length: parts }, () => gpu.allocate([batch, heads, tokens, dim], 'float32'));
  move(gpu, { packed: x, parts: outputs, direction: 'split' });
  return outputs;
}

/** The inverse: up to three tensors [batch, head, token, dim] into one [batch, token, parts * heads * dim]. */
export function mergeHeadsWebGpu(
  inputs: { readonly part0: TensorInfo; readonly part1?: TensorInfo; readonly part2?: TensorInfo },
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const parts = [inputs.part0, inputs.part1, inputs.part2].filter((part) => part !== undefined);
  const [batch, heads, tokens, dim] = inputs.part0.shape as [number, number, number, number];
  const packed = gpu.allocate([batch, tokens, parts.length * heads * dim], 'float32');
  move(gpu, { packed, parts, direction: 'merge' });
  return [packed];
}

interface Move {
  readonly packed: TensorInfo;
  readonly parts: readonly TensorInfo[];
  readonly direction: 'split' | 'merge';
}

function move(gpu: GpuEngine, { packed, parts, direction }: Move): void {
  const [, heads, tokens, dim] = parts[0]!.shape as [number, number, number, number];
  const { width, type, key } = lanes(dim);
  const count = elements(parts[0]!) / width;
  dispatch(gpu, {
    key: `${direction} heads ${parts.length} ${key}`,
    wgsl: () => moveWgsl(type, parts.length, direction),
    inputs: direction === 'split' ? [packed] : parts,
    outputs: direction === 'split' ? parts : [packed],
    uniforms: [u32(count), u32(tokens), u32(heads), u32(dim / width)],
    workgroups: spread(Math.ceil(count / WORKGROUP)),
  });
}

function moveWgsl(type: string, parts: number, direction: Move['direction']): string {
  const [partAccess, packedAccess] = direction === 'split' ? ['read_write', 'read'] : ['read', 'read_write'];
  const [firstPart, packed] = direction === 'split' ? [1, 0] : [0, parts];
  const each = Array.from({ length: parts }, (_, part) => part);
  return /* wgsl */ `
${each.map((part) => `@group(0) @binding(${firstPart + part}) var<storage, ${partAccess}> part${part}: array<${type}>;`).join('\n')}
@group(0) @binding(${packed}) var<storage, ${packedAccess}> tokens: array<${type}>;
struct Sizes { count: u32, tokens: u32, heads: u32, steps: u32 }
@group(0) @binding(${parts + 1}) var<uniform> sizes: Sizes;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i >= sizes.count) { return; }
  // i counts [batch, head, token, step].
  let step = i % sizes.steps;
  let token = i / sizes.steps % sizes.tokens;
  let head = i / (sizes.steps * sizes.tokens) % sizes.heads;
  let sample = i / (sizes.steps * sizes.tokens * sizes.heads);
  let width = sizes.heads * sizes.steps;
  let at = (sample * sizes.tokens + token) * ${parts} * width + head * sizes.steps + step;
${each.map((part) => (direction === 'split' ? `  part${part}[i] = tokens[at + ${part} * width];` : `  tokens[at + ${part} * width] = part${part}[i];`)).join('\n')}
}`;
}
