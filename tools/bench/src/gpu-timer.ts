/** What the dispatches of one pipeline took on the GPU. */
export interface KernelTime {
  /** The pipeline's label: a kernel's key, or the name of a program of tfjs. */
  readonly name: string;
  readonly dispatches: number;
  readonly ms: number;
  /** Of the buffers that were bound, each once a dispatch: what cannot be avoided, if a kernel needs all of them. */
  readonly bytes: number;
}

export interface GpuTimer {
  /** Wait for what was submitted, and tell what has run since the last call; nothing where the device cannot tell. */
  take(): Promise<KernelTime[]>;
}

/** Two timestamps a dispatch, 4096 a set: as many as WebGPU allows. */
const DISPATCHES_PER_SET = 2048;

interface Slot {
  readonly label: string;
  readonly bytes: number;
}

interface QuerySet {
  readonly set: GPUQuerySet;
  readonly slots: Slot[];
}

/**
 * Time every dispatch of every library by timestamp queries. They stand at the ends of passes, so each dispatch gets a
 * pass of its own: dispatches cannot overlap, and a step as a whole takes longer than without.
 * @param classes WebGPU's, by their names
 */
export function timeDispatches(classes: object): GpuTimer {
  const { GPUCommandEncoder, GPUDevice } = classes as {
    GPUCommandEncoder: { prototype: GPUCommandEncoder };
    GPUDevice: { prototype: GPUDevice };
  };
  const { createCommandEncoder, createBindGroup } = GPUDevice.prototype;
  const { beginComputePass } = GPUCommandEncoder.prototype;
  const bytesOf = new WeakMap<GPUBindGroup, number>();
  const all: Queries[] = [];
  const ofDevice = new WeakMap<GPUDevice, Queries>();
  const ofEncoder = new WeakMap<GPUCommandEncoder, Queries>();
  GPUDevice.prototype.createBindGroup = function (descriptor) {
    const group = createBindGroup.call(this, descriptor);
    bytesOf.set(group, boundBytes(descriptor));
    return group;
  };
  GPUDevice.prototype.createCommandEncoder = function (descriptor) {
    const encoder = createCommandEncoder.call(this, descriptor);
    if (!this.features.has('timestamp-query')) return encoder;
    const queries = ofDevice.get(this) ?? new Queries(this);
    if (!ofDevice.has(this)) all.push(queries);
    ofDevice.set(this, queries);
    ofEncoder.set(encoder, queries);
    return encoder;
  };
  GPUCommandEncoder.prototype.beginComputePass = function (descriptor) {
    const queries = ofEncoder.get(this);
    // A pass that somebody times is theirs.
    if (queries === undefined || descriptor?.timestampWrites !== undefined)
      return beginComputePass.call(this, descriptor);
    const begin = (timestampWrites: GPUComputePassTimestampWrites): GPUComputePassEncoder =>
      beginComputePass.call(this, { timestampWrites });
    return passOfPasses(begin, queries, bytesOf);
  };
  return { take: async () => (await Promise.all(all.map((queries) => queries.take()))).flat() };
}

/** Looks like one pass, and is one for each dispatch. */
function passOfPasses(
  begin: (writes: GPUComputePassTimestampWrites) => GPUComputePassEncoder,
  queries: Queries,
  bytesOf: WeakMap<GPUBindGroup, number>,
): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline;
  const groups: GPUBindGroup[] = [];
  const pass = {
    setPipeline: (next: GPUComputePipeline): void => {
      pipeline = next;
    },
    setBindGroup: (index: number, group: GPUBindGroup): void => {
      groups[index] = group;
    },
    dispatchWorkgroups: (...workgroups: [number, number?, number?]): void => {
      const bytes = groups.reduce((sum, group) => sum + (bytesOf.get(group) ?? 0), 0);
      const inner = begin(queries.next({ label: pipeline.label, bytes }));
      inner.setPipeline(pipeline);
      for (const [index, group] of groups.entries()) inner.setBindGroup(index, group);
      inner.dispatchWorkgroups(...workgroups);
      inner.end();
    },
    end: (): void => {},
  };
  return pass as unknown as GPUComputePassEncoder;
}

class Queries {
  private readonly device: GPUDevice;
  private readonly sets: QuerySet[] = [];

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** Where the next dispatch's timestamps go. */
  next(slot: Slot): GPUComputePassTimestampWrites {
    let current = this.sets.find(({ slots }) => slots.length < DISPATCHES_PER_SET);
    if (current === undefined) {
      const set = this.device.createQuerySet({ type: 'timestamp', count: 2 * DISPATCHES_PER_SET });
      current = { set, slots: [] };
      this.sets.push(current);
    }
    const { set, slots } = current;
    const index = 2 * slots.push(slot) - 2;
    return { querySet: set, beginningOfPassWriteIndex: index, endOfPassWriteIndex: index + 1 };
  }

  async take(): Promise<KernelTime[]> {
    const kernels = new Map<string, { dispatches: number; ms: number; bytes: number }>();
    for (const { set, slots } of this.sets) {
      if (slots.length === 0) continue;
      const times = await readQueries(this.device, set, 2 * slots.length);
      for (const [index, { label, bytes }] of slots.entries()) {
        const total = kernels.get(label) ?? { dispatches: 0, ms: 0, bytes: 0 };
        total.dispatches++;
        total.bytes += bytes;
        // Clocks of GPUs are set now and then: such a pair says nothing.
        total.ms += Math.max(0, Number(times[2 * index + 1]! - times[2 * index]!) / 1e6);
        kernels.set(label, total);
      }
      slots.length = 0;
    }
    return [...kernels].map(([name, total]) => ({ name, ...total })).sort((a, b) => b.ms - a.ms);
  }
}

/** Timestamps in nanoseconds. */
async function readQueries(device: GPUDevice, set: GPUQuerySet, count: number): Promise<BigUint64Array> {
  const size = 8 * count;
  const resolved = device.createBuffer({
    ...{ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC },
  });
  const readable = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(set, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, readable, 0, size);
  device.queue.submit([encoder.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  const times = new BigUint64Array(readable.getMappedRange().slice(0));
  resolved.destroy();
  readable.destroy();
  return times;
}

function boundBytes({ entries }: GPUBindGroupDescriptor): number {
  let bytes = 0;
  for (const { resource } of entries) {
    const { buffer, offset = 0, size } = resource as GPUBufferBinding;
    // The newest WebGPU takes a buffer in place of a binding.
    bytes += size ?? (buffer === undefined ? (resource as unknown as GPUBuffer).size : buffer.size - offset);
  }
  return bytes;
}
