import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, spread, u32 } from '../webgpu/dispatch.js';
import { lanes } from '../webgpu/lanes.js';

const WORKGROUP = 256;

/** Each invocation copies one number, or four. */
export function takeTokensWebGpu(
  { x }: { readonly x: TensorInfo },
  { begin, count }: { begin: number; count: number },
  gpu: GpuEngine,
): TensorInfo[] {
  const [batch, tokens, dim] = x.shape as [number, number, number];
  const output = gpu.allocate([batch, count, dim], 'float32');
  const { width, type, key } = lanes(dim);
  const size = elements(output) / width;
  dispatch(gpu, {
    key: `take tokens ${key}`,
    wgsl: () => takeWgsl(type),
    inputs: [x],
    outputs: [output],
    // In steps: the whole, a sample's before and after, and those to skip.
    uniforms: [size, (tokens * dim) / width, (count * dim) / width, (begin * dim) / width].map(u32),
    workgroups: spread(Math.ceil(size / WORKGROUP)),
  });
  return [output];
}

function takeWgsl(type: string): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> taken: array<${type}>;
struct Sizes { size: u32, all: u32, some: u32, skipped: u32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i >= sizes.size) { return; }
  taken[i] = x[i / sizes.some * sizes.all + sizes.skipped + i % sizes.some];
}`;
}
