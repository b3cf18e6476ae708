import type { GpuEngine } from '@maehem/backend';
import { kernelMode } from '../dispatch/kernel.js';
import type { MatrixConfig } from '../matmul/gemm-subgroup-matrix.wgsl.js';
import { type Subgroups, subgroupsOf } from './subgroups.js';

const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';

/** What kernels choose their shape by. */
export interface GpuTraits {
  /** An adapter that computes on the CPU, unless the kernel mode is `hardware`. */
  readonly software: boolean;
  /** Lower-case, as in `GPUAdapterInfo`: 'nvidia', 'amd', 'apple', 'intel', … */
  readonly vendor: string;
  /** Limits of the device for one workgroup. */
  readonly workgroupBytes: number;
  readonly workgroupInvocations: number;
  /** Where subgroups can be used, and their size is known. */
  readonly subgroups?: Subgroups;
  /** What tensor cores multiply at once: float16 with sums in float32. */
  readonly matrixConfig?: MatrixConfig;
}

/** The traits of the engine's device. */
export function gpuTraits({ device }: GpuEngine): GpuTraits {
  const { adapterInfo, limits } = device;
  const subgroups = subgroupsOf(device);
  const names = `${adapterInfo.vendor} ${adapterInfo.architecture} ${adapterInfo.description}`;
  return {
    software:
      kernelMode() !== 'hardware' &&
      (adapterInfo.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test(names)),
    vendor: adapterInfo.vendor.toLowerCase(),
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    workgroupInvocations: limits.maxComputeInvocationsPerWorkgroup,
    ...(subgroups === undefined ? {} : { subgroups }),
    ...matrixConfigOf(device),
  };
}

/** Chromium's experimental description of tensor cores. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** The first that will do: an adapter lists what it likes best first. */
function matrixConfigOf({ features, adapterInfo }: GPUDevice): Pick<GpuTraits, 'matrixConfig'> {
  if (!features.has(SUBGROUP_MATRIX as GPUFeatureName)) return {};
  const { subgroupMatrixConfigs = [] } = adapterInfo as {
    readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>;
  };
  const found = [...subgroupMatrixConfigs].find(
    ({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32',
  );
  return found === undefined ? {} : { matrixConfig: { m: found.M, n: found.N, k: found.K } };
}
