import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, spread, u32 } from '../webgpu/dispatch.js';
import { type Lanes, lanes } from '../webgpu/lanes.js';
import { geluFunction } from './gelu.wgsl.js';

const WORKGROUP = 256;

/** Value and derivative in one pass. */
export function geluForwardWebGpu(
  { x }: { readonly x: TensorInfo },
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const outputs = [gpu.allocate(x.shape, 'float32'), gpu.allocate(x.shape, 'float32')];
  const shares = lanes(elements(x));
  const count = elements(x) / shares.width;
  dispatch(gpu, {
    key: `gelu ${shares.key}`,
    wgsl: () => geluWgsl(shares),
    inputs: [x],
    outputs,
    uniforms: [u32(count)],
    workgroups: spread(Math.ceil(count / WORKGROUP)),
  });
  return outputs;
}

function geluWgsl({ type }: Lanes): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> y: array<${type}>;
@group(0) @binding(2) var<storage, read_write> derivative: array<${type}>;
struct Sizes { count: u32 }
@group(0) @binding(3) var<uniform> sizes: Sizes;
${geluFunction(type === 'f32' ? type : 'vec4<f32>')}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i >= sizes.count) { return; }
  let both = gelu(x[i]);
  y[i] = both.value;
  derivative[i] = both.derivative;
}`;
}
