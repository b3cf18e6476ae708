import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, spread, u32 } from '../webgpu/dispatch.js';
import { lanes } from '../webgpu/lanes.js';

const WORKGROUP = 64;

export function accumulateWebGpu(
  { sum, x }: Record<'sum' | 'x', TensorInfo>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const output = gpu.updatable(sum);
  const { width, type, key } = lanes(elements(sum));
  const count = elements(sum) / width;
  dispatch(gpu, {
    key: `accumulate ${key}`,
    wgsl: () => accumulateWgsl(type),
    inputs: [x],
    outputs: [output],
    uniforms: [u32(count)],
    workgroups: spread(Math.ceil(count / WORKGROUP)),
  });
  return [output];
}

function accumulateWgsl(type: string): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> sum: array<${type}>;
struct Sizes { count: u32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i < sizes.count) { sum[i] += x[i]; }
}`;
}
