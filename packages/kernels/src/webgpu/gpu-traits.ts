import type { GpuEngine } from '@maehem/backend';
import { kernelMode } from '../dispatch/kernel.js';

/** What kernels choose their shape by. */
export interface GpuTraits {
  /** An adapter that computes on the CPU, unless the kernel mode is `hardware`. */
  readonly software: boolean;
  /** Lower-case, as in `GPUAdapterInfo`: 'nvidia', 'amd', 'apple', 'intel', … */
  readonly vendor: string;
  /** Limits of the device for one workgroup. */
  readonly workgroupBytes: number;
  readonly workgroupInvocations: number;
  /** Invocations of a subgroup, where subgroups can be used and all have the same size. */
  readonly subgroupSize?: number;
}

/** The traits of the engine's device. */
export function gpuTraits({ device }: GpuEngine): GpuTraits {
  const { adapterInfo, features, limits } = device;
  const { subgroupMinSize: smallest, subgroupMaxSize: largest } = adapterInfo;
  const names = `${adapterInfo.vendor} ${adapterInfo.architecture} ${adapterInfo.description}`;
  return {
    software:
      kernelMode() !== 'hardware' &&
      (adapterInfo.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test(names)),
    vendor: adapterInfo.vendor.toLowerCase(),
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    workgroupInvocations: limits.maxComputeInvocationsPerWorkgroup,
    ...(features.has('subgroups') && smallest === largest ? { subgroupSize: largest } : {}),
  };
}
