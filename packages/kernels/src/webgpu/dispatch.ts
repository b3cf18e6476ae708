import type { GpuEngine, GpuKernel } from '@maehem/backend';
import type { TensorInfo } from '@tensorflow/tfjs-core';

/**
 * How our WGSL reaches the GPU. A kernel function of the webgpu engine (`defineKernel({ webgpu })`) gets the
 * tensors as `TensorInfo`, its attributes, and the engine; it allocates its outputs, dispatches, and returns
 * them:
 *
 *     export function doubleWebGpu({ x }, _attrs, gpu) {
 *       const y = gpu.allocate(x.shape, 'float32');
 *       const size = elements(x);
 *       dispatch(gpu, {
 *         key: 'double',
 *         wgsl: () => `
 *     @group(0) @binding(0) var<storage, read> x: array<f32>;
 *     @group(0) @binding(1) var<storage, read_write> y: array<f32>;
 *     struct Sizes { size: u32 }
 *     @group(0) @binding(2) var<uniform> sizes: Sizes;
 *     @compute @workgroup_size(256)
 *     fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
 *       let i = id.x + id.y * groups.x * 256;
 *       if (i < sizes.size) { y[i] = 2 * x[i]; }
 *     }`,
 *         inputs: [x],
 *         outputs: [y],
 *         uniforms: [u32(size)],
 *         workgroups: spread(Math.ceil(size / 256)),
 *       });
 *       return [y];
 *     }
 *
 * Bindings of group 0, in this order: inputs (`read`), outputs (`read_write`), uniforms. The entry point is
 * `main`. A binding that the WGSL leaves out is harmless. One tensor must not be an input and an output of one
 * dispatch; to update in place, pass `gpu.updatable(tensor)` as an output, and name the input in the spec's
 * `updates`. Dispatches run one after the other and see each other's results: no barriers, no submits.
 * int32 tensors are `array<i32>`, bool ones too.
 */
export interface WgslCall {
  /** Names the pipeline: whatever the WGSL text depends on must be in it. */
  readonly key: string;
  /** The source, asked for when no pipeline of this key exists. */
  readonly wgsl: () => string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** The scalar members of one struct, in order. Equal lists share a buffer, so keep to sizes and attributes. */
  readonly uniforms?: readonly Uniform[];
  readonly workgroups: readonly [x: number, y?: number, z?: number];
}

/** One scalar of a uniform struct. */
export type Uniform = { readonly type: 'u32' | 'f32'; readonly value: number };

/** A member of type u32. */
export function u32(value: number): Uniform {
  return { type: 'u32', value };
}

/** A member of type f32. */
export function f32(value: number): Uniform {
  return { type: 'f32', value };
}

/** What one device has compiled and stored for us. */
interface Cache {
  readonly layouts: Map<string, GPUBindGroupLayout>;
  readonly kernels: Map<string, GpuKernel>;
  readonly uniforms: Map<string, GPUBuffer>;
  /** Where dispatches go that are only to be compiled. */
  ahead?: WgslCall[];
}

/** Beyond this many, uniform buffers are forgotten: the shapes of a run are few, those of a service many. */
const MAX_UNIFORM_BUFFERS = 4096;

const caches = new WeakMap<GPUDevice, Cache>();

/**
 * Record a kernel's dispatch.
 * @throws when there are more workgroups, or more bindings, than the device allows; the message names the kernel.
 */
export function dispatch(gpu: GpuEngine, call: WgslCall): void {
  const { device } = gpu;
  const { key, inputs, outputs, uniforms } = call;
  const [x, y = 1, z = 1] = call.workgroups;
  assertLimits(device, call, [x, y, z]);
  const cache = cacheOf(device);
  if (cache.ahead !== undefined) {
    cache.ahead.push(call);
    return;
  }
  const kernel = cache.kernels.get(key) ?? compile(device, cache, call);
  gpu.dispatch({
    kernel,
    inputs,
    outputs,
    workgroups: [x, y, z],
    ...(uniforms === undefined ? {} : { uniforms: uniformBuffer(device, cache, uniforms) }),
  });
}

/**
 * Compile the kernels of `work` in the background; nothing is dispatched.
 * @throws when one does not compile here; the device goes on as if nothing had been.
 */
export async function compileAhead(gpu: GpuEngine, work: () => void): Promise<void> {
  const { device } = gpu;
  const cache = cacheOf(device);
  const calls: WgslCall[] = [];
  cache.ahead = calls;
  try {
    work();
  } finally {
    delete cache.ahead;
  }
  const missing = new Map(calls.filter(({ key }) => !cache.kernels.has(key)).map((call) => [call.key, call]));
  await Promise.all([...missing.values()].map((call) => compileOneAhead(device, cache, call)));
}

async function compileOneAhead(device: GPUDevice, cache: Cache, call: WgslCall): Promise<void> {
  device.pushErrorScope('validation');
  const { bindings, descriptor } = pipelineOf(device, cache, call);
  const [pipeline, error] = await Promise.allSettled([
    device.createComputePipelineAsync(descriptor),
    device.popErrorScope(),
  ]);
  // What is wrong with the source says more than that the pipeline has none.
  if (error.status === 'fulfilled' && error.value !== null) throw new Error(error.value.message);
  if (pipeline.status === 'rejected') throw pipeline.reason;
  cache.kernels.set(call.key, { bindings, pipeline: pipeline.value });
}

/**
 * Workgroups for `count` groups that are numbered through, over two axes where one is too short. The kernel
 * counts `workgroup_id.x + workgroup_id.y * num_workgroups.x`, and checks that its number is below `count`.
 */
export function spread(count: number, limit = 65535): [x: number, y: number] {
  const y = Math.ceil(count / limit);
  return [Math.ceil(count / Math.max(y, 1)), y];
}

/** Number of entries of a tensor. */
export function elements({ shape }: TensorInfo): number {
  return shape.reduce((product, n) => product * n, 1);
}

function cacheOf(device: GPUDevice): Cache {
  const known = caches.get(device);
  if (known !== undefined) return known;
  const cache = { layouts: new Map(), kernels: new Map(), uniforms: new Map() };
  caches.set(device, cache);
  return cache;
}

function compile(device: GPUDevice, cache: Cache, call: WgslCall): GpuKernel {
  const { bindings, descriptor } = pipelineOf(device, cache, call);
  const kernel = { bindings, pipeline: device.createComputePipeline(descriptor) };
  cache.kernels.set(call.key, kernel);
  return kernel;
}

function pipelineOf(
  device: GPUDevice,
  cache: Cache,
  { key, wgsl, inputs, outputs, uniforms }: WgslCall,
): { bindings: GPUBindGroupLayout; descriptor: GPUComputePipelineDescriptor } {
  const bindings = layout(device, cache, inputs.length, outputs.length, uniforms !== undefined);
  const descriptor = {
    label: key,
    layout: device.createPipelineLayout({ bindGroupLayouts: [bindings] }),
    compute: { module: device.createShaderModule({ label: key, code: wgsl() }), entryPoint: 'main' },
  };
  return { bindings, descriptor };
}

function layout(
  device: GPUDevice,
  cache: Cache,
  inputs: number,
  outputs: number,
  uniforms: boolean,
): GPUBindGroupLayout {
  const key = `${inputs} ${outputs} ${uniforms}`;
  const known = cache.layouts.get(key);
  if (known !== undefined) return known;
  const types: GPUBufferBindingType[] = [
    ...Array<GPUBufferBindingType>(inputs).fill('read-only-storage'),
    ...Array<GPUBufferBindingType>(outputs).fill('storage'),
    ...(uniforms ? (['uniform'] as const) : []),
  ];
  const made = device.createBindGroupLayout({
    entries: types.map((type, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type },
    })),
  });
  cache.layouts.set(key, made);
  return made;
}

function uniformBuffer(device: GPUDevice, cache: Cache, uniforms: readonly Uniform[]): GPUBuffer {
  const key = uniforms.map(({ type, value }) => `${type} ${value}`).join();
  const known = cache.uniforms.get(key);
  if (known !== undefined) return known;
  const buffer = device.createBuffer({
    label: key,
    size: Math.ceil(uniforms.length / 4) * 16,
    usage: GPUBufferUsage.UNIFORM,
    mappedAtCreation: true,
  });
  const view = new DataView(buffer.getMappedRange());
  for (const [index, { type, value }] of uniforms.entries())
    if (type === 'u32') view.setUint32(index * 4, value, true);
    else view.setFloat32(index * 4, value, true);
  buffer.unmap();
  // Recorded commands may still use the old ones: they go when nobody holds them any more.
  if (cache.uniforms.size >= MAX_UNIFORM_BUFFERS) cache.uniforms.clear();
  cache.uniforms.set(key, buffer);
  return buffer;
}

function assertLimits(
  device: GPUDevice,
  { key, inputs, outputs }: WgslCall,
  workgroups: readonly number[],
): void {
  const { maxComputeWorkgroupsPerDimension, maxStorageBuffersPerShaderStage } = device.limits;
  if (workgroups.some((count) => count > maxComputeWorkgroupsPerDimension))
    throw new Error(
      `kernel '${key}': [${workgroups}] workgroups, but this GPU takes ${maxComputeWorkgroupsPerDimension} an axis`,
    );
  if (inputs.length + outputs.length > maxStorageBuffersPerShaderStage)
    throw new Error(
      `kernel '${key}': ${inputs.length + outputs.length} tensors, but this GPU binds ${maxStorageBuffersPerShaderStage}`,
    );
}
