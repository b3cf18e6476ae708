import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, spread, u32 } from '../webgpu/dispatch.js';
import { lanes } from '../webgpu/lanes.js';

const WORKGROUP = 256;

/** erf by Abramowitz & Stegun 7.1.26, as in the host kernel: one exponential for value and derivative. */
export function geluForwardWebGpu(
  { x }: { readonly x: TensorInfo },
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const outputs = [gpu.allocate(x.shape, 'float32'), gpu.allocate(x.shape, 'float32')];
  const { width, type, key } = lanes(elements(x));
  const count = elements(x) / width;
  dispatch(gpu, {
    key: `gelu ${key}`,
    wgsl: () => geluWgsl(type),
    inputs: [x],
    outputs,
    uniforms: [u32(count)],
    workgroups: spread(Math.ceil(count / WORKGROUP)),
  });
  return outputs;
}

function geluWgsl(type: string): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> y: array<${type}>;
@group(0) @binding(2) var<storage, read_write> derivative: array<${type}>;
struct Sizes { count: u32 }
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i >= sizes.count) { return; }
  let value = x[i];
  let gauss = exp(-0.5 * value * value);
  let t = 1 / (1 + 0.3275911 * ${Math.SQRT1_2} * abs(value));
  let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let tail = 0.5 * series * gauss;
  let distribution = select(tail, 1 - tail, value >= ${type}(0));
  y[i] = value * distribution;
  derivative[i] = distribution + value * gauss * ${1 / Math.sqrt(2 * Math.PI)};
}`;
}
