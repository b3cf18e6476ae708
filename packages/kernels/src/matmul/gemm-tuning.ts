import type { GpuEngine } from '@maehem/backend';
import { DIRECT_TILES, type GemmChoice, type GemmSize, type GemmTraits, GPU_TILES } from './gemm-tiles.js';
import type { GemmCall } from './webgpu.js';

/**
 * Choices of tiles that were measured, and stand in for those that `chooseGemm` computes. Nothing is measured
 * unless somebody asks for it: without a tuning, the same shapes take the same tiles on every day.
 */
export type GemmTuning = { readonly [product: string]: GemmChoice };

const KNOWN_TILES = [...GPU_TILES, ...DIRECT_TILES];

interface Tuned {
  tuning: GemmTuning;
  /** The products that are being watched for. */
  watched: Map<string, GemmCall> | undefined;
}

const devices = new WeakMap<GPUDevice, Tuned>();

function tunedOf({ device }: GpuEngine): Tuned {
  const known = devices.get(device);
  if (known !== undefined) return known;
  const made: Tuned = { tuning: {}, watched: undefined };
  devices.set(device, made);
  return made;
}

/** A product's name in a tuning: whatever its time depends on. */
export function productName(
  { batch, m, n, k }: GemmSize,
  { a, b, out, epilogue, rowSums }: GemmTraits,
): string {
  const layout = `${a.along === 'k' ? 'N' : 'T'}${b.along === 'k' ? 'T' : 'N'}`;
  const precisions = [a, b, out].map(({ precision }) => precision).join(' ');
  const extras = Object.entries({ ...epilogue, rowSums }).flatMap(([name, wanted]) => (wanted ? [name] : []));
  return [`${batch}x${m}x${n}x${k}`, layout, precisions, ...extras].join(' ');
}

/**
 * A tuning that was kept as JSON.
 * @param source where the text is from, for the error
 * @throws when it is not one, or names a tile that there is no more.
 */
export function parseGemmTuning(text: string, source: string): GemmTuning {
  let tuning: unknown;
  try {
    tuning = JSON.parse(text);
  } catch {
    throw new Error(`${source} is not JSON; delete it, or tune again`);
  }
  for (const [product, choice] of Object.entries(tuning as GemmTuning)) {
    const known = KNOWN_TILES.some((tile) => JSON.stringify(tile) === JSON.stringify(choice?.tile));
    const { splits, depth } = choice ?? {};
    if (!known || !(Number.isSafeInteger(splits) && splits > 0 && Number.isSafeInteger(depth) && depth > 0))
      throw new Error(
        `${source}: ${product} has ${JSON.stringify(choice)}, which is none of our tiles; delete the file, or tune again`,
      );
  }
  return tuning as GemmTuning;
}

/** Products of this engine take these choices from now on; others are computed. */
export function useGemmTuning(gpu: GpuEngine, tuning: GemmTuning): void {
  tunedOf(gpu).tuning = tuning;
}

/** What was measured for a product, if it was. */
export function tunedChoice(gpu: GpuEngine, size: GemmSize, traits: GemmTraits): GemmChoice | undefined {
  const tuned = devices.get(gpu.device);
  return tuned === undefined ? undefined : tuned.tuning[productName(size, traits)];
}

/** Take down a product for {@link watchProducts}. */
export function notice(gpu: GpuEngine, call: GemmCall, traits: GemmTraits): void {
  devices.get(gpu.device)?.watched?.set(productName(call.size, traits), call);
}

/** The products that `work` does on this engine, one of each kind. */
export async function watchProducts(gpu: GpuEngine, work: () => Promise<void>): Promise<GemmCall[]> {
  const tuned = tunedOf(gpu);
  const watched = new Map<string, GemmCall>();
  tuned.watched = watched;
  try {
    await work();
  } finally {
    tuned.watched = undefined;
  }
  return [...watched.values()];
}
