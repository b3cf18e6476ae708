import type { GpuEngine } from '@maehem/backend';
import {
  addStrided,
  dispatch,
  elements,
  sumOf,
  u32,
  type WorkgroupSum,
  workgroupSum,
  workgroupSumEntry,
  workgroupSumFunction,
  workgroupSumHead,
} from '@maehem/kernels';
import type { TensorInfo } from '@tensorflow/tfjs-core';

/** Numbers that one workgroup squares, at least; and workgroups for one tensor, at most. */
const SHORTEST_SHARE = 4096;
const MOST_SHARES = 64;
/** Tensors in one dispatch, at most: their bindings and the result's. */
const MOST_TENSORS = 15;

/** A tensor, the workgroups that share it, and where they leave their sums. */
interface Shared {
  readonly tensor: TensorInfo;
  readonly steps: number;
  readonly shares: number;
}

/** As many tensors as a dispatch can bind leave partial sums side by side; a last dispatch adds them up. */
export function globalNormWebGpu(
  grads: { readonly [name: string]: TensorInfo },
  _attrs: Record<string, never>,
  gpu: GpuEngine,
): TensorInfo[] {
  const most = Math.min(MOST_TENSORS, gpu.device.limits.maxStorageBuffersPerShaderStage - 1);
  const adding = workgroupSum(gpu);
  const tensors = Object.values(grads);
  const batches = ([4, 1] as const).flatMap((width) => {
    const fitting = tensors.filter((tensor) => (elements(tensor) % 4 === 0) === (width === 4));
    return chunks(fitting, most).map((chunk) => ({
      width,
      shared: chunk.map((tensor) => share(tensor, width)),
    }));
  });
  const total = batches.flatMap(({ shared }) => shared).reduce((sum, { shares }) => sum + shares, 0);
  const partials = gpu.allocate([total], 'float32');
  let first = 0;
  for (const { width, shared } of batches) {
    const count = shared.reduce((sum, { shares }) => sum + shares, 0);
    dispatch(gpu, {
      key: `squares of ${shared.length} tensors, ${width} wide, ${adding.key}`,
      wgsl: () => squaresWgsl(shared.length, width === 4 ? 'vec4f' : 'f32', adding),
      inputs: shared.map(({ tensor }) => tensor),
      outputs: [partials],
      uniforms: [u32(first), ...shared.flatMap(({ steps, shares }) => [u32(steps), u32(shares)])],
      workgroups: [count],
    });
    first += count;
  }
  const norm = sumOf(gpu, partials, { root: true });
  gpu.release(partials);
  return [norm];
}

function share(tensor: TensorInfo, width: number): Shared {
  const size = elements(tensor);
  const shares = Math.max(1, Math.min(MOST_SHARES, Math.floor(size / SHORTEST_SHARE)));
  return { tensor, steps: size / width, shares };
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

/** Workgroups are numbered through all tensors; each looks for its own. */
function squaresWgsl(count: number, type: string, adding: WorkgroupSum): string {
  const { size, together } = adding;
  const each = Array.from({ length: count }, (_, tensor) => tensor);
  return /* wgsl */ `${workgroupSumHead(adding)}
${each.map((i) => `@group(0) @binding(${i}) var<storage, read> tensor${i}: array<${type}>;`).join('\n')}
@group(0) @binding(${count}) var<storage, read_write> partials: array<f32>;
struct Sizes { first: u32, ${each.map((i) => `steps${i}: u32, shares${i}: u32`).join(', ')} }
@group(0) @binding(${count + 1}) var<uniform> sizes: Sizes;
${workgroupSumFunction(adding)}
${workgroupSumEntry(adding)}
  var number = group.x;
  var squares = ${type}(0);
${each
  .map(
    (i) => `
  if (number < sizes.shares${i}) {
${addStrided({
  ...{ into: 'squares', type, first: `number * ${size} + lane`, stride: `sizes.shares${i} * ${size}` },
  ...{ end: `sizes.steps${i}`, read: (at) => `tensor${i}[${at}]`, term: (value) => `${value} * ${value}` },
  together,
})}
    number = 0xffffffff;
  } else if (number != 0xffffffff) { number -= sizes.shares${i}; }`,
  )
  .join('')}
  let sum = workgroup_sum(${type === 'f32' ? 'squares' : 'dot(squares, vec4f(1))'}, place);
  if (lane == 0) { partials[sizes.first + group.x] = sum; }
}`;
}
