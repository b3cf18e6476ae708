import * as tf from '@tensorflow/tfjs-core';
import type { BackendProvider, OpenOptions } from '../provider.js';
import { adapterName, findAdapter, isSoftware } from './adapter.js';
import { openDevice, SUBGROUP_MATRIX } from './device.js';
import { type DeviceHealth, watchDevice } from './health.js';
import { host } from './host.js';
import { type Internals, internalsOf } from './internals.js';

/** An engine at work. Dawn lives as long as somebody holds `gpu`. */
interface Opened {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly choice: string | undefined;
  readonly tensorCores: boolean;
  readonly engine: Internals;
  readonly health: DeviceHealth;
}

let opened: Opened | undefined;

/** tfjs's WebGPU engine, on a device that we open: in browsers, and in Node by way of Dawn. */
export const webgpuProvider: BackendProvider = {
  name: 'webgpu',
  precisions: ['float16'],
  unavailable: async ({ adapter, precision, tensorCores } = {}) => {
    const found = await findAdapter(adapter);
    if (typeof found === 'string') return found;
    if (tensorCores && !found.adapter.features.has(SUBGROUP_MATRIX))
      return `its adapter '${adapterName(found.adapter)}' offers no tensor cores (${SUBGROUP_MATRIX})`;
    return precision === 'float16' ? lacksHalf(found.adapter) : undefined;
  },
  passedOver: async ({ adapter } = {}) => {
    const found = await findAdapter(adapter);
    return typeof found !== 'string' && isSoftware(found.adapter)
      ? `its adapter '${adapterName(found.adapter)}' computes on the CPU; ask for webgpu by name to use it`
      : undefined;
  },
  register,
  describe: async () => {
    const { adapter, engine } = opened!;
    const { features, limits } = engine.device;
    return {
      description: `WebGPU on ${adapterName(adapter)}`,
      details: {
        features: [...features].sort().join(', '),
        limits: `buffer ${limits.maxBufferSize} bytes, binding ${limits.maxStorageBufferBindingSize} bytes, ${limits.maxStorageBuffersPerShaderStage} storage buffers, workgroup ${limits.maxComputeInvocationsPerWorkgroup} invocations and ${limits.maxComputeWorkgroupStorageSize} bytes`,
      },
      capabilities: {
        device: isSoftware(adapter) ? 'cpu' : 'gpu',
        sharedMemory: false,
        float16: features.has('shader-f16'),
        threads: 1,
        maxTensorBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
      },
      heapBytes: () => engine.bufferManager.numBytesAllocated,
    };
  },
};

/** Why this adapter cannot compute in float16. */
function lacksHalf(adapter: GPUAdapter): string | undefined {
  if (adapter.features.has('shader-f16')) return undefined;
  return `its adapter '${adapterName(adapter)}' has no shader-f16, which float16 takes; use float32, update the driver, or choose another adapter by a part of its name`;
}

async function register({ adapter: choice, tensorCores = false }: OpenOptions): Promise<void> {
  const same = opened?.choice === choice && opened?.tensorCores === tensorCores;
  if (same && opened?.health.failure === undefined) return;
  const found = await findAdapter(choice);
  if (typeof found === 'string') throw new Error(`webgpu: ${found}`);
  const device = await openDevice(found.gpu, found.adapter, tensorCores);
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  // In a page, tfjs's module has registered an engine on a device of its own choice. And an engine of ours
  // that failed, or has another adapter, makes room.
  forget();
  const made = withNavigator(found.gpu, () => new WebGPUBackend(device, found.adapter.info));
  const engine = internalsOf(made);
  opened = { ...found, choice, tensorCores, engine, health: watch(engine) };
  tf.registerBackend('webgpu', () => made);
}

/** Take a former engine out of tfjs, the one under which steps were captured too. */
function forget(): void {
  for (const name of Object.keys(tf.engine().registryFactory))
    if (name.startsWith('webgpu')) tf.removeBackend(name);
  opened?.engine.device.destroy();
  opened = undefined;
}

/** tfjs's constructor wants to see `navigator.gpu`; Node 20 has no navigator, later ones have none with a GPU. */
function withNavigator<T>(gpu: GPU, make: () => T): T {
  if (host.navigator?.gpu !== undefined) return make();
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  try {
    return make();
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator');
    else Object.defineProperty(globalThis, 'navigator', before);
  }
}

/** Failures of the device come out where tensors are made, recorded and read, and name the tensor. */
function watch(engine: Internals): DeviceHealth {
  let inMaking = 'a buffer';
  const health = watchDevice(engine.device, () => inMaking);
  const { uploadToGPU, submitQueue, read } = engine;
  engine.uploadToGPU = (dataId) => {
    const { shape, dtype } = engine.tensorMap.get(dataId);
    inMaking = `a tensor ${dtype} [${shape}]`;
    try {
      uploadToGPU.call(engine, dataId);
    } finally {
      inMaking = 'a buffer';
    }
  };
  engine.submitQueue = () => {
    health.check();
    submitQueue.call(engine);
  };
  engine.read = async (dataId) => {
    health.check();
    try {
      const values = await read.call(engine, dataId);
      health.check();
      return values;
    } catch (error) {
      await health.settle();
      throw health.failure ?? error;
    }
  };
  return health;
}
