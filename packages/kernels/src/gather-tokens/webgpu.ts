import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { dispatch, elements, spread, u32 } from '../webgpu/dispatch.js';
import { lanes } from '../webgpu/lanes.js';
import type { GatherInputs, RestoreInputs } from './inputs.js';

const WORKGROUP = 256;

/** Each invocation copies one number, or four, of a kept token. */
export function gatherWebGpu(
  { x, ids }: KernelInfos<GatherInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const [batch, tokens, dim] = x.shape as [number, number, number];
  const keep = ids.shape[1]!;
  const output = gpu.allocate([batch, keep, dim], 'float32');
  const { width, type, key } = lanes(dim);
  const count = elements(output) / width;
  dispatch(gpu, {
    key: `gather tokens ${key}`,
    wgsl: () => gatherWgsl(type),
    inputs: [x, ids],
    outputs: [output],
    uniforms: [u32(count), u32(tokens), u32(keep), u32(dim / width)],
    workgroups: spread(Math.ceil(count / WORKGROUP)),
  });
  return [output];
}

function gatherWgsl(type: string): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> kept: array<${type}>;
struct Sizes { count: u32, tokens: u32, keep: u32, steps: u32 }
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i >= sizes.count) { return; }
  let row = i / sizes.steps;
  let token = row / sizes.keep * sizes.tokens + u32(ids[row]);
  kept[i] = x[token * sizes.steps + i % sizes.steps];
}`;
}

/** Each invocation writes one number, or four, of a token: a visible one's, or the fill's. */
export function restoreWebGpu(
  { visible, fill, ids }: KernelInfos<RestoreInputs>,
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const [batch, keep, dim] = visible.shape as [number, number, number];
  const tokens = ids.shape[1]!;
  const output = gpu.allocate([batch, tokens, dim], 'float32');
  const { width, type, key } = lanes(dim);
  const count = elements(output) / width;
  dispatch(gpu, {
    key: `restore tokens ${key}`,
    wgsl: () => restoreWgsl(type),
    inputs: [visible, fill, ids],
    outputs: [output],
    uniforms: [u32(count), u32(tokens), u32(keep), u32(dim / width)],
    workgroups: spread(Math.ceil(count / WORKGROUP)),
  });
  return [output];
}

function restoreWgsl(type: string): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> visible: array<${type}>;
@group(0) @binding(1) var<storage, read> filling: array<${type}>;
@group(0) @binding(2) var<storage, read> ids: array<i32>;
@group(0) @binding(3) var<storage, read_write> restored: array<${type}>;
struct Sizes { count: u32, tokens: u32, keep: u32, steps: u32 }
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i >= sizes.count) { return; }
  let row = i / sizes.steps;
  let column = i % sizes.steps;
  let place = u32(ids[row]);
  if (place < sizes.keep) {
    restored[i] = visible[(row / sizes.tokens * sizes.keep + place) * sizes.steps + column];
  } else {
    restored[i] = filling[column];
  }
}`;
}
