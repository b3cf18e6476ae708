/**
 * WebGPU without a GPU: everything can be asked for, nothing is computed, and what is read is zero. What is left of a
 * step is the host's work, and how many bytes of buffers it asks for, for models that no memory here would hold.
 */
export interface StubAdapter {
  readonly info: object;
  readonly features: ReadonlySet<string>;
  readonly limits: object;
}

/** Dawn's limits on an H100. */
const LIMITS = {
  ...{ maxBufferSize: 2 ** 36, maxStorageBufferBindingSize: 2 ** 32 - 4, maxBindGroups: 4 },
  ...{
    maxStorageBuffersPerShaderStage: 16,
    maxUniformBufferBindingSize: 65536,
    maxBindingsPerBindGroup: 1000,
  },
  ...{
    minUniformBufferOffsetAlignment: 256,
    minStorageBufferOffsetAlignment: 256,
    maxTextureDimension2D: 16384,
  },
  ...{ maxComputeWorkgroupStorageSize: 49152, maxComputeInvocationsPerWorkgroup: 1024 },
  ...{ maxComputeWorkgroupSizeX: 1024, maxComputeWorkgroupSizeY: 1024, maxComputeWorkgroupSizeZ: 64 },
  maxComputeWorkgroupsPerDimension: 65535,
};

/** What it calls itself unless told: kernels take the shapes that they have on a large card. */
const LARGE_NVIDIA: StubAdapter = {
  info: {
    ...{ vendor: 'nvidia', architecture: 'hopper', device: '', description: 'no GPU' },
    ...{ isFallbackAdapter: false, subgroupMinSize: 32, subgroupMaxSize: 32 },
  },
  features: new Set(['shader-f16', 'subgroups', 'timestamp-query']),
  limits: LIMITS,
};

/** The memory behind all mapped buffers: no one looks into it, but its size must do. */
let scratch = new ArrayBuffer(0);

class GPUBuffer {
  readonly size: number;
  readonly usage: number;
  mapState = 'unmapped';
  constructor({ size, usage }: { size: number; usage: number }) {
    this.size = size;
    this.usage = usage;
  }
  async mapAsync(): Promise<void> {}
  getMappedRange(offset = 0, size = this.size - offset): ArrayBuffer {
    if (size > scratch.byteLength) scratch = new ArrayBuffer(size);
    // Detachable copies are small: what a step reads back is its loss.
    return size <= 4096 ? new ArrayBuffer(size) : scratch;
  }
  unmap(): void {}
  destroy(): void {}
}

class GPUComputePassEncoder {
  setPipeline(): void {}
  setBindGroup(): void {}
  dispatchWorkgroups(): void {}
  dispatchWorkgroupsIndirect(): void {}
  end(): void {}
}

class GPUCommandEncoder {
  beginComputePass(): GPUComputePassEncoder {
    return new GPUComputePassEncoder();
  }
  copyBufferToBuffer(): void {}
  clearBuffer(): void {}
  resolveQuerySet(): void {}
  finish(): object {
    return {};
  }
}

class GPUQueue {
  submit(): void {}
  writeBuffer(): void {}
  async onSubmittedWorkDone(): Promise<void> {}
}

class GPUComputePipeline {
  getBindGroupLayout(): object {
    return {};
  }
}

class GPUDevice {
  readonly features: ReadonlySet<string>;
  readonly limits: object;
  readonly adapterInfo: object;
  readonly queue: GPUQueue = new GPUQueue();
  readonly lost: Promise<never> = new Promise(() => {});
  constructor({ features, limits, info }: StubAdapter) {
    this.features = features;
    this.limits = limits;
    this.adapterInfo = info;
  }
  createBuffer(descriptor: { size: number; usage: number }): GPUBuffer {
    return new GPUBuffer(descriptor);
  }
  createBindGroup(): object {
    return {};
  }
  createBindGroupLayout(): object {
    return {};
  }
  createPipelineLayout(): object {
    return {};
  }
  createShaderModule(): object {
    return { getCompilationInfo: async () => ({ messages: [] }) };
  }
  createComputePipeline(): GPUComputePipeline {
    return new GPUComputePipeline();
  }
  async createComputePipelineAsync(): Promise<GPUComputePipeline> {
    return new GPUComputePipeline();
  }
  createQuerySet(): object {
    return { destroy: () => {} };
  }
  createCommandEncoder(): GPUCommandEncoder {
    return new GPUCommandEncoder();
  }
  pushErrorScope(): void {}
  async popErrorScope(): Promise<null> {
    return null;
  }
  addEventListener(): void {}
  destroy(): void {}
}

/** As the specification numbers them. */
const CONSTANTS = {
  GPUBufferUsage: {
    ...{ MAP_READ: 1, MAP_WRITE: 2, COPY_SRC: 4, COPY_DST: 8, INDEX: 16, VERTEX: 32 },
    ...{ UNIFORM: 64, STORAGE: 128, INDIRECT: 256, QUERY_RESOLVE: 512 },
  },
  GPUMapMode: { READ: 1, WRITE: 2 },
  GPUShaderStage: { VERTEX: 1, FRAGMENT: 2, COMPUTE: 4 },
};

/**
 * Put it where libraries look for WebGPU, for the rest of this process.
 * @param adapter what it calls itself, and what it offers
 * @returns its classes, by their names
 */
export function stubGpu(adapter: StubAdapter = LARGE_NVIDIA): object {
  const classes = { GPUBuffer, GPUComputePassEncoder, GPUCommandEncoder, GPUQueue, GPUDevice };
  Object.assign(globalThis, CONSTANTS, classes);
  const requestDevice = async ({ requiredFeatures = [] }: GPUDeviceDescriptor = {}) =>
    new GPUDevice({ ...adapter, features: new Set(requiredFeatures) });
  const gpu = {
    requestAdapter: async () => ({ ...adapter, requestDevice }),
    wgslLanguageFeatures: new Set(['subgroup_id']),
  };
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'Node' }, configurable: true });
  return classes;
}
