import { countFrom, type GpuUse } from './gpu-meter.js';
import { type KernelTime, timeDispatches } from './gpu-timer.js';

/** What a step asked of the GPU, and on a timed one, how long that took. */
export interface GpuRecord extends GpuUse {
  readonly kernels?: readonly KernelTime[];
}

export interface GpuRecorder {
  take(): Promise<GpuRecord>;
}

/**
 * Listen to WebGPU, from now on, whoever uses it.
 * @param classes WebGPU's, by their names
 */
export function recordGpu(classes: object, timed: boolean): GpuRecorder {
  const timer = timed ? timeDispatches(classes) : undefined;
  const meter = countFrom(classes);
  return {
    take: async () => {
      const use = meter.take();
      if (timer === undefined) return use;
      const kernels = await timer.take();
      meter.take(); // What the timer itself asked for.
      return { ...use, kernels };
    },
  };
}
