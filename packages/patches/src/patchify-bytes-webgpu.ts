import { dispatch, type GpuEngine, spread, u32 } from '@maehem/kernels';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { type PatchifyBytesAttrs, patchesShape } from './patchify-bytes-kernel.js';

const WORKGROUP = 64;

/**
 * An invocation makes four numbers of a patch from one word of bytes where words don't straddle patches, and one number
 * elsewhere.
 */
export function patchifyBytesWebGpu(
  { pixels, levels }: { readonly pixels: TensorInfo; readonly levels: TensorInfo },
  attrs: PatchifyBytesAttrs,
  gpu: GpuEngine,
): TensorInfo[] {
  const [batch] = pixels.shape as [number, number];
  const kept = levels.shape[0]!;
  const { height, width, channels, patchWidth } = attrs;
  const patches = gpu.allocate(patchesShape(batch, kept, attrs), 'float32');
  const wordwise = kept === channels && (patchWidth * channels) % 4 === 0;
  const count = (batch * height * width * kept) / (wordwise ? 4 : 1);
  dispatch(gpu, {
    key: `patchify bytes ${Object.values(attrs).join(' ')} ${kept}`,
    wgsl: () => patchifyBytesWgsl(attrs, kept, wordwise),
    inputs: [pixels, levels],
    outputs: [patches],
    uniforms: [u32(count)],
    workgroups: spread(Math.ceil(count / WORKGROUP)),
  });
  return [patches];
}

/** Sizes are constants, by which dividing costs little. Strips, rows of pixels of a patch, are numbered through all patches. */
function patchifyBytesWgsl(attrs: PatchifyBytesAttrs, kept: number, wordwise: boolean): string {
  const { height, width, channels, patchHeight, patchWidth } = attrs;
  const words = Math.ceil((height * width * channels) / 4);
  const level = (place: number) =>
    `levels[(channel + ${place}) % ${kept} * 256 + ((word >> ${8 * place}) & 255)]`;
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read> levels: array<f32>;
@group(0) @binding(2) var<storage, read_write> patches: array<${wordwise ? 'vec4f' : 'f32'}>;
struct Sizes { count: u32 }
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i >= sizes.count) { return; }
  let value = i * ${wordwise ? 4 : 1};
  let inside = value % ${patchWidth * kept};
  let strip = value / ${patchWidth * kept};
  let patch_number = strip / ${patchHeight};
  // Images are whole numbers of patches high: rows are numbered through all of them.
  let row = patch_number / ${width / patchWidth} * ${patchHeight} + strip % ${patchHeight};
  let column = patch_number % ${width / patchWidth} * ${patchWidth} + inside / ${kept};
  let channel = inside % ${kept};
  let byte = (row % ${height} * ${width} + column) * ${channels} + channel;
  let word = pixels[row / ${height} * ${words} + byte / 4]${wordwise ? '' : ' >> (byte % 4 * 8)'};
  patches[i] = ${wordwise ? `vec4f(${[0, 1, 2, 3].map(level).join(', ')})` : level(0)};
}`;
}
