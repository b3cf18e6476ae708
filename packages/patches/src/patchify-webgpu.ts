import { dispatch, f32, type GpuEngine, spread, u32 } from '@maehem/kernels';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { type PatchifyAttrs, patchesShape } from './patchify-kernel.js';

const WORKGROUP = 64;

/** An invocation takes a pixel, with all its channels, to its place. */
export function patchifyWebGpu(
  { images }: { readonly images: TensorInfo },
  attrs: PatchifyAttrs,
  gpu: GpuEngine,
): TensorInfo[] {
  const { patchHeight, patchWidth, scale, shift } = attrs;
  const [batch, height, width] = images.shape as [number, number, number];
  const patches = gpu.allocate(patchesShape(images, attrs), 'float32');
  const pixels = batch * height * width;
  dispatch(gpu, {
    key: `patchify ${scale.length}`,
    wgsl: () => patchifyWgsl(scale.length),
    inputs: [images],
    outputs: [patches],
    uniforms: [...[pixels, width, patchHeight, patchWidth].map(u32), ...[...scale, ...shift].map(f32)],
    workgroups: spread(Math.ceil(pixels / WORKGROUP)),
  });
  return [patches];
}

function patchifyWgsl(channels: number): string {
  const each = Array.from({ length: channels }, (_, channel) => channel);
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> images: array<f32>;
@group(0) @binding(1) var<storage, read_write> patches: array<f32>;
struct Sizes {
  pixels: u32, width: u32, patch_height: u32, patch_width: u32,
  ${each.map((c) => `scale${c}: f32, `).join('')}${each.map((c) => `shift${c}: f32, `).join('')}
}
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pixel = id.x + id.y * groups.x * ${WORKGROUP};
  if (pixel >= sizes.pixels) { return; }
  let x = pixel % sizes.width;
  // Rows are numbered through all images, which are whole numbers of patches high.
  let y = pixel / sizes.width;
  let patch_number = y / sizes.patch_height * (sizes.width / sizes.patch_width) + x / sizes.patch_width;
  let inside = y % sizes.patch_height * sizes.patch_width + x % sizes.patch_width;
  let place = (patch_number * sizes.patch_height * sizes.patch_width + inside) * ${channels};
  ${each.map((c) => `patches[place + ${c}] = images[pixel * ${channels} + ${c}] * sizes.scale${c} + sizes.shift${c};`).join('\n  ')}
}`;
}
