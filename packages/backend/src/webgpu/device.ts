/** Kernels may say how large their subgroups are to be, where an adapter has several sizes: AMD's, and Intel's. */
const SUBGROUP_SIZE_CONTROL = 'subgroup-size-control' as GPUFeatureName;

/** Asked for where the adapter has them; kernels look at `device.features`. */
const FEATURES = ['shader-f16', 'subgroups', SUBGROUP_SIZE_CONTROL, 'timestamp-query'] as GPUFeatureName[];

/** Tensor cores, as Chromium calls them for now. */
export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

/** Limits that are raised to the adapter's: WebGPU's defaults are those of a weak phone. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/**
 * A device with all that the adapter can give and training can use. Subgroups are used by their number in the
 * workgroup, which an implementation must know too.
 */
export async function openDevice(gpu: GPU, adapter: GPUAdapter, tensorCores: boolean): Promise<GPUDevice> {
  const known = gpu.wgslLanguageFeatures.has('subgroup_id');
  const wanted = tensorCores ? [...FEATURES, SUBGROUP_MATRIX] : FEATURES;
  return adapter.requestDevice({
    label: 'MAEhem',
    requiredFeatures: wanted.filter(
      (feature) => adapter.features.has(feature) && (known || !feature.startsWith('subgroup')),
    ),
    requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]])),
  });
}
