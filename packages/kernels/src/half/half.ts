import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { dispatch, elements, spread, u32 } from '../webgpu/dispatch.js';

/**
 * Numbers in half precision on WebGPU. tfjs has no such type, and a float32 tensor whose memory holds something
 * else would be misread by the first op of tfjs that sees it. So **halves** are int32 tensors with two numbers
 * to an entry, their last axis half as long: their size in memory is right, tfjs's ops refuse them or their
 * shape, and only kernels that know take them. They are scratch, or saved for a backward pass, and never leave
 * the op that made them.
 */

/** How numbers lie in memory. */
export type Precision = 'f32' | 'f16';

/** Are these numbers float32, or halves? */
export function precisionOf({ dtype }: TensorInfo): Precision {
  return dtype === 'int32' ? 'f16' : 'f32';
}

/** The shape in numbers, of halves too. */
export function numbersShape({ shape, dtype }: TensorInfo): number[] {
  return dtype === 'int32' ? [...shape.slice(0, -1), shape[shape.length - 1]! * 2] : shape;
}

/** A new tensor of numbers. Halves need an even last axis. */
export function allocateNumbers(gpu: GpuEngine, shape: readonly number[], precision: Precision): TensorInfo {
  if (precision === 'f32') return gpu.allocate(shape, 'float32');
  return gpu.allocate([...shape.slice(0, -1), shape[shape.length - 1]! / 2], 'int32');
}

const WORKGROUP = 256;

/**
 * Copies of matrices in half precision, all in one dispatch: weights, once a step.
 * @param matrices their numbers a multiple of four
 */
export function halve(gpu: GpuEngine, matrices: readonly TensorInfo[]): TensorInfo[] {
  const copies = matrices.map(({ shape }) => allocateNumbers(gpu, shape, 'f16'));
  const counts = matrices.map((matrix) => elements(matrix) / 4);
  const groups = counts.map((count) => Math.ceil(count / WORKGROUP));
  dispatch(gpu, {
    key: `halve ${matrices.length}`,
    wgsl: () => halveWgsl(matrices.length),
    inputs: matrices,
    outputs: copies,
    uniforms: counts.map(u32),
    workgroups: spread(groups.reduce((sum, count) => sum + count, 0)),
  });
  return copies;
}

/** Workgroups are numbered through all matrices. */
function halveWgsl(count: number): string {
  const each = Array.from({ length: count }, (_, matrix) => matrix);
  return /* wgsl */ `enable f16;
${each.map((i) => `@group(0) @binding(${i}) var<storage, read> matrix${i}: array<vec4f>;`).join('\n')}
${each.map((i) => `@group(0) @binding(${count + i}) var<storage, read_write> half${i}: array<vec4h>;`).join('\n')}
struct Counts { ${each.map((i) => `count${i}: u32`).join(', ')} }
@group(0) @binding(${2 * count}) var<uniform> counts: Counts;
@compute @workgroup_size(${WORKGROUP})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  var i = (group.x + group.y * groups.x) * ${WORKGROUP} + lane;
${each
  .map(
    (matrix) => `
  if (i < counts.count${matrix}) { half${matrix}[i] = vec4h(matrix${matrix}[i]); return; }
  let rest${matrix} = (counts.count${matrix} + ${WORKGROUP - 1}) / ${WORKGROUP} * ${WORKGROUP};
  if (i < rest${matrix}) { return; }
  i -= rest${matrix};`,
  )
  .join('')}
}`;
}
