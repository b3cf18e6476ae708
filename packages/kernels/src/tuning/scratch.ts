import type { GpuEngine } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { halve, numbersShape, precisionOf } from '../half/half.js';
import { dispatch, elements, spread, u32 } from '../webgpu/dispatch.js';

/** Tensors to try a kernel on, in the place of a step's. */
interface Scratch {
  /** Numbers that are the same on every day. */
  numbers(like: TensorInfo): TensorInfo;
  /** For results. */
  room(like: TensorInfo): TensorInfo;
  dispose(): void;
}

const WORKGROUP = 256;

/** A prime, so that no row of a matrix is like the next. */
const PERIOD = 9973;

/** Make such tensors, and let go of them together. */
export function openScratch(gpu: GpuEngine): Scratch {
  const made: tf.Tensor[] = [];
  const own = (info: TensorInfo): TensorInfo => {
    made.push(tf.engine().makeTensorFromTensorInfo(info));
    return info;
  };
  return {
    numbers: (like) => {
      const waves = fill(gpu, numbersShape(like));
      if (precisionOf(like) === 'f32') return own(waves);
      const [halves] = halve(gpu, [waves]);
      gpu.release(waves);
      return own(halves!);
    },
    room: ({ shape, dtype }) => own(gpu.allocate(shape, dtype)),
    dispose: () => tf.dispose(made),
  };
}

/** No number in half precision, and far from any result in single. */
const SPOILT = '0x7e007e00u';

/** Is this a number of a result that {@link spoil} wrote, and nobody since? */
export function isSpoilt(value: number): boolean {
  return Number.isNaN(value) || value > 1e37;
}

/** Overwrite results before a kernel writes them: whoever does not write to all of them shall be found out. */
export function spoil(gpu: GpuEngine, results: readonly TensorInfo[]): void {
  for (const result of results) store(gpu, result, 'spoilt', 'u32', SPOILT);
}

/** Waves between -1 and 1. */
function fill(gpu: GpuEngine, shape: readonly number[]): TensorInfo {
  const waves = gpu.allocate(shape, 'float32');
  store(gpu, waves, 'waves', 'f32', `sin(f32(i % ${PERIOD}))`);
  return waves;
}

/** Every entry i becomes what an expression says. */
function store(gpu: GpuEngine, info: TensorInfo, key: string, type: 'f32' | 'u32', entry: string): void {
  const size = elements(info);
  dispatch(gpu, {
    key,
    wgsl: () => /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> entries: array<${type}>;
struct Sizes { size: u32 }
@group(0) @binding(1) var<uniform> sizes: Sizes;
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${WORKGROUP};
  if (i < sizes.size) { entries[i] = ${entry}; }
}`,
    inputs: [],
    outputs: [info],
    uniforms: [u32(size)],
    workgroups: spread(Math.ceil(size / WORKGROUP)),
  });
}
