/**
 * Subgroups of a known size: the adapter's only one, or one of several that a kernel asks for (AMD from RDNA on has 32 and 64,
 * Intel 8 to 32). A kernel that counts on the size must ask, or the driver chooses.
 */
export interface Subgroups {
  readonly size: number;
  /** It is to be asked for. */
  readonly asked: boolean;
}

/** NVIDIA's only size, and the one that AMD's and Intel's newer compute units are made for. */
const LIKED_SIZE = 32;

/** What a device's subgroups can be relied on to be; `undefined` where that is nothing. */
export function subgroupsOf({ adapterInfo, features }: GPUDevice): Subgroups | undefined {
  const { subgroupMinSize: smallest, subgroupMaxSize: largest } = adapterInfo;
  if (!features.has('subgroups') || smallest === undefined || largest === undefined) return undefined;
  if (smallest === largest) return { size: largest, asked: false };
  if (!features.has('subgroup-size-control' as GPUFeatureName)) return undefined;
  return { size: Math.min(Math.max(LIKED_SIZE, smallest), largest), asked: true };
}

/** What the WGSL begins with. */
export function subgroupsHead({ asked }: Subgroups): string {
  return `enable subgroups;${asked ? ' enable subgroup_size_control;' : ''}`;
}

/** Stands at the entry point, beside its workgroup size, of which x must be a multiple of the subgroup's. */
export function subgroupsAttribute({ size, asked }: Subgroups): string {
  return asked ? `@subgroup_size(${size})` : '';
}
