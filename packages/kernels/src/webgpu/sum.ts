import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, f32, u32 } from './dispatch.js';
import { gpuTraits } from './gpu-traits.js';

/** Invocations that add up numbers together: barriers are dear on a software adapter, which runs four at a time. */
export function sumWorkgroup(gpu: GpuEngine): number {
  return gpuTraits(gpu).software ? 4 : 256;
}

/** A scalar: the sum of some thousand numbers, such as one for each row, times a factor. One workgroup. */
export function sumOf(gpu: GpuEngine, numbers: TensorInfo, factor = 1): TensorInfo {
  const sum = gpu.allocate([], 'float32');
  const workgroup = sumWorkgroup(gpu);
  dispatch(gpu, {
    key: `sum of numbers by ${workgroup}`,
    wgsl: () => sumWgsl(workgroup),
    inputs: [numbers],
    outputs: [sum],
    uniforms: [u32(elements(numbers)), f32(factor)],
    workgroups: [1],
  });
  return sum;
}

function sumWgsl(workgroup: number): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> numbers: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: f32;
struct Sizes { count: u32, factor: f32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;
${workgroupSum(workgroup)}
@compute @workgroup_size(${workgroup})
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < sizes.count; i += ${workgroup}) { sum += numbers[i]; }
  sum = workgroup_sum(sum, lane);
  if (lane == 0) { result = sum * sizes.factor; }
}`;
}

/** `workgroup_sum(value, lane)`: the sum over the workgroup, right in lane 0 alone. Two barriers. The size is a square. */
export function workgroupSum(size: number): string {
  const runs = Math.sqrt(size);
  return `
var<workgroup> parts: array<f32, ${size}>;
fn workgroup_sum(value: f32, lane: u32) -> f32 {
  parts[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  if (lane < ${runs}) {
    for (var i = 0u; i < ${runs}; i++) { sum += parts[lane * ${runs} + i]; }
    parts[lane * ${runs}] = sum;
  }
  workgroupBarrier();
  sum = 0;
  if (lane == 0) {
    for (var i = 0u; i < ${runs}; i++) { sum += parts[i * ${runs}]; }
  }
  return sum;
}`;
}
