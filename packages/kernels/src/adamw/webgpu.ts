import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { KernelInfos } from '../dispatch/kernel.js';
import { dispatch, elements, f32, spread, u32 } from '../webgpu/dispatch.js';
import { lanes } from '../webgpu/lanes.js';
import type { AdamwAttrs, AdamwInputs } from './inputs.js';

/** Small: half of a model's tensors are biases. */
const WORKGROUP = 64;

/** In place, one dispatch: clipping, schedule and layer decay come in as scalars and attributes. */
export function adamwWebGpu(
  { param, m, v, grad, lr, correction1, correction2, gradScale }: KernelInfos<AdamwInputs>,
  { beta1, beta2, eps, weightDecay, lrScale }: AdamwAttrs,
  gpu: GpuEngine,
): TensorInfo[] {
  const outputs = [gpu.updatable(param), gpu.updatable(m), gpu.updatable(v)];
  const { width, type, key } = lanes(elements(param));
  const count = elements(param) / width;
  dispatch(gpu, {
    key: `adamw ${key}`,
    wgsl: () => adamwWgsl(type),
    inputs: [grad, lr, correction1, correction2, gradScale],
    outputs,
    uniforms: [u32(count), f32(beta1), f32(beta2), f32(eps), f32(weightDecay), f32(lrScale)],
    workgroups: spread(Math.ceil(count / WORKGROUP)),
  });
  return outputs;
}

function adamwWgsl(type: string): string {
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> grad: array<${type}>;
@group(0) @binding(1) var<storage, read> lr: f32;
@group(0) @binding(2) var<storage, read> correction1: f32;
@group(0) @binding(3) var<storage, read> correction2: f32;
@group(0) @binding(4) var<storage, read> grad_scale: f32;
@group(0) @binding(5) var<storage, read_write> params: array<${type}>;
@group(0) @binding(6) var<storage, read_write> first: array<${type}>;
@group(0) @binding(7) var<storage, read_write> second: array<${type}>;
struct Options { count: u32, beta1: f32, beta2: f32, eps: f32, weight_decay: f32, lr_scale: f32 }
@group(0) @binding(8) var<uniform> options: Options;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i >= options.count) { return; }
  // All reads before the first write, which no compiler moves them over: they are on their way together.
  let gradient = grad[i];
  let before = params[i];
  let mean_before = first[i];
  let square_before = second[i];
  if (grad_scale == 0) { return; }
  let rate = lr * options.lr_scale;
  let g = gradient * grad_scale;
  let mean = options.beta1 * mean_before + (1 - options.beta1) * g;
  let square = options.beta2 * square_before + (1 - options.beta2) * g * g;
  let denominator = sqrt(square) * inverseSqrt(correction2) + options.eps;
  first[i] = mean;
  second[i] = square;
  params[i] = before * (1 - rate * options.weight_decay) - (rate / correction1) * mean / denominator;
}`;
}
