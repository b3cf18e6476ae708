import type { GpuTraits } from '../webgpu/gpu-traits.js';
import { type GemmProgram, type GemmTile, gemmInvocations, gemmWorkgroupBytes } from './gemm.wgsl.js';

/** A product of [m, k] and [k, n]. */
export interface GemmSize {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export interface GemmChoice {
  readonly tile: GemmTile;
  /** In how many parts k is cut, and how much of k one takes. */
  readonly splits: number;
  readonly depth: number;
}

const tile = (m: number, n: number, k: number, threadM: number, threadN: number): GemmTile => ({
  m,
  n,
  k,
  threadM,
  threadN,
});

/** Largest first; of equals the first is taken. At 16 KiB the first fits the default limit of a device. */
export const GPU_TILES: readonly GemmTile[] = [
  tile(128, 128, 16, 8, 8),
  tile(128, 64, 16, 8, 8),
  tile(64, 64, 16, 8, 8),
  tile(64, 32, 16, 8, 4),
  tile(32, 32, 16, 4, 4),
  tile(16, 16, 16, 4, 4),
];

/** Slabs for four invocations, which is what a software adapter runs at a time: compiles fast, for tests. */
export const SOFTWARE_TILE: GemmTile = tile(8, 8, 16, 4, 4);

/**
 * What software adapters take: eight invocations without workgroup memory, at 4 x 8 or 8 x 8 each. Larger blocks
 * take longer to compile, and spill.
 */
export const DIRECT_TILE: GemmTile = tile(8, 32, 0, 4, 8);
/** Both factors lie along their rows here, so that a block of 8 x 8 takes four vec4 at a step of k. */
export const DIRECT_GRADIENT_TILE: GemmTile = tile(16, 32, 0, 8, 8);

/** What a software adapter may be tuned to. */
export const DIRECT_TILES: readonly GemmTile[] = [tile(8, 16, 0, 4, 4), DIRECT_TILE, DIRECT_GRADIENT_TILE];

/** How near a thread's block comes to the arithmetic limit; the rest is reads of workgroup memory. */
const EFFICIENCY: Readonly<Record<number, number>> = { 64: 1, 32: 0.8, 16: 0.5 };

/**
 * WebGPU does not tell the number of cores (NVIDIA's multiprocessors, AMD's compute units, Apple's cores).
 * These are for large cards; being wrong costs the last, half empty wave of workgroups.
 */
const CORES: Readonly<Record<string, number>> = { nvidia: 128, amd: 96, apple: 20 };
const CORES_ELSEWHERE = 16;
/** Invocations that a core needs to hide the latency of its own arithmetic and workgroup memory. */
const BUSY = 256;

/** What reading a number into a slab costs, in multiply-adds: large tiles read less for each. */
const LOAD = 8;

/** Multiply-adds that a GPU does in the time of moving one float to or from its memory. */
const BALANCE = 40;
const SPLITS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
/** A part should be worth its start. */
const STEPS_OF_A_PART = 8;

/** What a product's program is, but for what is chosen here. */
export type GemmTraits = Omit<GemmProgram, 'tile' | 'split'>;

/**
 * The tile, and the parts of k, with which the device should be done first: what its fullest core has to do,
 * plus moving the parts. The same answer for the same arguments, always.
 */
export function chooseGemm(size: GemmSize, program: GemmTraits, device: GpuTraits): GemmChoice {
  if (device.software)
    return { tile: program.rowSums ? DIRECT_GRADIENT_TILE : DIRECT_TILE, splits: 1, depth: size.k };
  let best: { choice: GemmChoice; time: number } | undefined;
  for (const choice of slabChoices(size, program, device)) {
    const time = estimate(size, choice, device);
    if (best === undefined || time < best.time) best = { choice, time };
  }
  if (best === undefined)
    throw new Error(
      `gemm: no tile fits a device of ${device.workgroupBytes} bytes and ${device.workgroupInvocations} invocations a workgroup`,
    );
  return best.choice;
}

/** Everything that could be chosen: a tuner's candidates. */
export function gemmChoices(size: GemmSize, program: GemmTraits, device: GpuTraits): GemmChoice[] {
  if (!device.software) return slabChoices(size, program, device);
  return DIRECT_TILES.map((each) => ({ tile: each, splits: 1, depth: size.k }));
}

function slabChoices(size: GemmSize, program: GemmTraits, device: GpuTraits): GemmChoice[] {
  return GPU_TILES.filter(
    (candidate) =>
      gemmInvocations(candidate) <= device.workgroupInvocations &&
      gemmWorkgroupBytes({ ...program, tile: candidate }) <= device.workgroupBytes,
  ).flatMap((candidate) => waysToSplit(size, candidate, program.rowSums === true));
}

function waysToSplit({ k }: GemmSize, candidate: GemmTile, splittable: boolean): GemmChoice[] {
  const whole = { tile: candidate, splits: 1, depth: k };
  if (!splittable) return [whole];
  const most = Math.floor(k / (candidate.k * STEPS_OF_A_PART));
  const parts = SPLITS.filter((splits) => splits > 1 && splits <= most).map((splits) => {
    const depth = Math.ceil(k / splits / candidate.k) * candidate.k;
    return { tile: candidate, splits: Math.ceil(k / depth), depth };
  });
  return [whole, ...parts];
}

/** In multiply-adds of one core. One that holds few invocations is bound by their latency instead. */
function estimate({ batch, m, n }: GemmSize, { tile, splits, depth }: GemmChoice, device: GpuTraits): number {
  const cores = CORES[device.vendor] ?? CORES_ELSEWHERE;
  const workgroups = Math.ceil(m / tile.m) * Math.ceil(n / tile.n) * batch * splits;
  const block = tile.threadM * tile.threadN;
  const work = tile.m * tile.n + LOAD * (tile.m + tile.n);
  const fullest = Math.max(Math.ceil(workgroups / cores) * work, BUSY * block);
  const moved = splits === 1 ? 0 : (2 * splits + 1) * m * n;
  return (fullest * depth) / EFFICIENCY[block]! + (moved * BALANCE) / cores;
}
