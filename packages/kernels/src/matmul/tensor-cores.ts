import type { GpuTraits } from '../webgpu/gpu-traits.js';
import type { GemmProgram } from './gemm.wgsl.js';
import {
  type MatrixProgram,
  type MatrixTile,
  matrixInvocations,
  matrixWorkgroupBytes,
  sharesEvenly,
} from './gemm-subgroup-matrix.wgsl.js';
import type { GemmSize } from './gemm-tiles.js';

/** How a product is shared out on tensor cores. */
export interface MatrixChoice {
  readonly program: Omit<MatrixProgram, 'split'>;
  readonly splits: number;
  readonly depth: number;
}

/** Largest first. Tensor cores are fed by workgroup memory: large tiles read it least. */
export const MATRIX_TILES: readonly MatrixTile[] = [
  { m: 128, n: 128, k: 32, subgroupsM: 2, subgroupsN: 4 },
  { m: 64, n: 64, k: 32, subgroupsM: 2, subgroupsN: 2 },
];

/** Workgroups that keep a large card busy. */
const ENOUGH_WORKGROUPS = 128;
const MOST_SPLITS = 32;
/** Slabs that make a part of a split sum worth its start. */
const SLABS_OF_A_PART = 8;

/**
 * The largest tile that fits and leaves enough workgroups, the smallest that fits otherwise; weight gradients are split
 * until there are enough. `undefined` where neither factor is of half precision, or the adapter has no tensor cores for it.
 */
export function chooseMatrixTile(
  size: GemmSize,
  traits: Omit<GemmProgram, 'tile' | 'split'>,
  { matrixConfig: config, subgroups, workgroupBytes, workgroupInvocations }: GpuTraits,
): MatrixChoice | undefined {
  if (config === undefined || subgroups === undefined) return undefined;
  if (traits.a.precision !== 'f16' && traits.b.precision !== 'f16') return undefined;
  const programs = MATRIX_TILES.map((tile) => ({
    ...{ ...traits, tile, config, subgroups, dialect: 'subgroup-matrix' as const },
  })).filter(
    (program) =>
      sharesEvenly(program) &&
      matrixWorkgroupBytes(program) <= workgroupBytes &&
      matrixInvocations(program) <= workgroupInvocations,
  );
  const program =
    programs.find(({ tile }) => workgroups(size, tile) >= ENOUGH_WORKGROUPS) ?? programs[programs.length - 1];
  return program && { program, ...splitOf(size, program.tile, traits.rowSums === true) };
}

function workgroups({ batch, m, n }: GemmSize, tile: MatrixTile): number {
  return Math.ceil(m / tile.m) * Math.ceil(n / tile.n) * batch;
}

function splitOf(size: GemmSize, tile: MatrixTile, splittable: boolean): { splits: number; depth: number } {
  if (!splittable) return { splits: 1, depth: size.k };
  const wanted = Math.ceil(ENOUGH_WORKGROUPS / workgroups(size, tile));
  const most = Math.floor(size.k / (tile.k * SLABS_OF_A_PART));
  const parts = Math.max(1, Math.min(wanted, most, MOST_SPLITS));
  const depth = Math.ceil(size.k / parts / tile.k) * tile.k;
  return { splits: Math.ceil(size.k / depth), depth };
}
