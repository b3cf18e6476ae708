/** What a process asked of the GPU since it was last asked. */
export interface GpuUse {
  readonly dispatches: number;
  readonly submits: number;
  /** Buffers created: none in a steady state. */
  readonly buffers: number;
  /** The most bytes of buffers that were alive at a time since the meter was set up. */
  readonly peakBytes: number;
}

export interface GpuMeter {
  take(): GpuUse;
}

type Method = (this: object, ...args: unknown[]) => unknown;
type Class = { readonly prototype: Record<string, Method> };

/**
 * Count at WebGPU's own functions, which every library goes through, whatever it does above them.
 * @param classes WebGPU's, by their names
 */
export function countFrom(classes: object): GpuMeter {
  const { GPUComputePassEncoder, GPUQueue, GPUDevice, GPUBuffer } = classes as Record<string, Class>;
  let counts = { dispatches: 0, submits: 0, buffers: 0 };
  let bytes = 0;
  let peakBytes = 0;
  const alive = new WeakMap<object, number>();
  after(GPUComputePassEncoder!, 'dispatchWorkgroups', () => void counts.dispatches++);
  after(GPUComputePassEncoder!, 'dispatchWorkgroupsIndirect', () => void counts.dispatches++);
  after(GPUQueue!, 'submit', () => void counts.submits++);
  after(GPUDevice!, 'createBuffer', (made, _self, [descriptor]) => {
    const { size } = descriptor as { size: number };
    alive.set(made as object, size);
    bytes += size;
    peakBytes = Math.max(peakBytes, bytes);
    counts.buffers++;
  });
  after(GPUBuffer!, 'destroy', (_made, self) => {
    bytes -= alive.get(self) ?? 0;
    alive.delete(self);
  });
  return {
    take: () => {
      const taken = counts;
      counts = { dispatches: 0, submits: 0, buffers: 0 };
      return { ...taken, peakBytes };
    },
  };
}

/** Call `notice` after each call of a method. */
function after(
  { prototype }: Class,
  name: string,
  notice: (result: unknown, self: object, args: readonly unknown[]) => void,
): void {
  const method = prototype[name]!;
  prototype[name] = function (this: object, ...args: unknown[]) {
    const result = method.apply(this, args);
    notice(result, this, args);
    return result;
  };
}
