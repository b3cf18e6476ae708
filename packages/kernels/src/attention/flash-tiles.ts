import type { Precision } from '../half/half.js';
import type { GpuTraits } from '../webgpu/gpu-traits.js';
import {
  type FlashKernel,
  type FlashProgram,
  type FlashTile,
  flashExtent,
  flashFetched,
  flashWorkgroupBytes,
} from './flash-attention.wgsl.js';

/** Attention of one head. */
export interface FlashSize {
  readonly tokens: number;
  /** Width of a head. */
  readonly dim: number;
}

const tile = (
  threadRows: number,
  threadColumns: number,
  down: number,
  across: number,
  pipelined: boolean,
): FlashTile => ({
  threadRows,
  threadColumns,
  down,
  across,
  pipelined,
});

/**
 * What software adapters take: they run four or eight invocations at a time, and one such group to a workgroup
 * makes barriers free. Wider heads would take minutes to compile with as few.
 */
export const SOFTWARE_TILES: { readonly narrow: FlashTile; readonly wide: FlashTile } = {
  narrow: tile(4, 4, 2, 2, false),
  wide: tile(4, 4, 2, 8, false),
};
const NARROW_HEAD = 16;

/** Heads beyond this width are left to the composite. */
const WIDEST_HEAD = 128;

const BLOCKS = [4, 5, 6, 7, 8];
const GRIDS: readonly [down: number, across: number][] = [
  [8, 8],
  [16, 8],
  [4, 8],
  [16, 4],
  [8, 16],
  [8, 4],
  [4, 4],
  [2, 8],
  [2, 2],
];

/** Registers that an invocation can have. More are slow memory. */
const REGISTERS: Readonly<Record<string, number>> = { nvidia: 224, amd: 224 };
const REGISTERS_ELSEWHERE = 128;

/** Workgroup memory of a core, which its workgroups share: what most cards of the vendor have at least. */
const CORE_BYTES: Readonly<Record<string, number>> = { nvidia: 100 * 1024, amd: 64 * 1024 };
const CORE_BYTES_ELSEWHERE = 32 * 1024;
const CORE_REGISTERS = 65536;
/** Invocations that a core needs to hide the latency of its workgroup memory. */
const BUSY = 256;
/** Invocations that a core starts at once. */
const WAVE = 32;

/** In multiply-adds: reading a vec4 of workgroup memory; what happens to a score between its two products; */
const READ = 4;
const SCORE: Readonly<Record<FlashKernel, number>> = {
  forward: 12,
  'query gradient': 9,
  'key and value gradient': 10,
};
/** bringing a vec4 from memory to workgroup memory; a barrier; a workgroup's start and end. */
const LOAD = 16;
const BARRIER = 50;
const START = 1000;

/** Products of a kernel that make scores, and that sum columns; loads of a tile of columns, and of rows; barriers. */
const WORK: Readonly<
  Record<FlashKernel, { scores: number; sums: number; loads: number; rowLoads: number; barriers: number }>
> = {
  forward: { scores: 1, sums: 1, loads: 2, rowLoads: 1, barriers: 4 },
  'query gradient': { scores: 2, sums: 1, loads: 2, rowLoads: 2, barriers: 5 },
  'key and value gradient': { scores: 2, sums: 2, loads: 3, rowLoads: 2, barriers: 6 },
};

/**
 * The tile with which this device should be done first; `undefined` where none fits. The same answer for the same
 * arguments, always.
 */
export function chooseFlashTile(
  kernel: FlashKernel,
  size: FlashSize,
  precision: Precision,
  device: GpuTraits,
): FlashTile | undefined {
  return flashChoices(kernel, size, precision, device)[0];
}

/** Has this device a tile for each of the three kernels, for heads of this width? All or none are flash attention. */
export function flashTakes(dim: number, device: GpuTraits): boolean {
  const kernels: FlashKernel[] = ['forward', 'query gradient', 'key and value gradient'];
  return kernels.every((kernel) => flashChoices(kernel, { tokens: 1, dim }, 'f32', device).length > 0);
}

/** Everything that could be chosen, best first as far as can be told: a tuner's candidates. */
export function flashChoices(
  kernel: FlashKernel,
  size: FlashSize,
  precision: Precision,
  device: GpuTraits,
): FlashTile[] {
  if (size.dim > WIDEST_HEAD) return [];
  if (device.software) return [size.dim <= NARROW_HEAD ? SOFTWARE_TILES.narrow : SOFTWARE_TILES.wide];
  return GRIDS.flatMap(([down, across]) =>
    BLOCKS.flatMap((rows) => BLOCKS.map((columns) => tile(rows, columns, down, across, true))),
  )
    .filter(
      (each) =>
        flashWorkgroupBytes(kernel, { dim: size.dim, tile: each, precision }) <= device.workgroupBytes &&
        flashExtent(each).invocations <= device.workgroupInvocations,
    )
    .map((each) => ({ tile: each, time: estimate(kernel, size, each, precision, device) }))
    .sort((a, b) => a.time - b.time)
    .map(({ tile: best }) => best);
}

/** Of an invocation, about: scores, sums, what is fetched ahead, a step of both factors, and some for places. */
function registers(kernel: FlashKernel, program: FlashProgram): number {
  const { threadRows, threadColumns, across } = program.tile;
  const { scores, sums } = WORK[kernel];
  return (
    scores * threadRows * threadColumns +
    sums * threadRows * 4 * Math.ceil(Math.ceil(program.dim / 4) / across) +
    flashFetched(program) * (program.precision === 'f32' ? 4 : 2) +
    4 * (threadRows + threadColumns) +
    30
  );
}

/** In multiply-adds of a core, for one head. */
function estimate(
  kernel: FlashKernel,
  { tokens, dim }: FlashSize,
  each: FlashTile,
  precision: Precision,
  device: GpuTraits,
): number {
  const { threadRows, threadColumns, across } = each;
  const { rows, columns, invocations } = flashExtent(each);
  const { scores, sums, loads, rowLoads, barriers } = WORK[kernel];
  const vectors = Math.ceil(dim / 4);
  const groups = Math.ceil(vectors / across);
  const quads = Math.ceil(threadRows / 4);
  const load = (LOAD * vectors) / invocations;
  const tiles = Math.ceil(tokens / columns);
  const ofTile =
    scores * vectors * (4 * threadRows * threadColumns + READ * (threadRows + threadColumns)) +
    SCORE[kernel] * threadRows * threadColumns +
    loads * columns * load +
    barriers * BARRIER;
  const ofColumn = sums * (4 * threadRows * groups + READ * (quads + groups));
  const time = START + rowLoads * rows * load + tiles * ofTile + tokens * ofColumn;
  const lanes = Math.ceil(invocations / WAVE) * WAVE;
  const program: FlashProgram = { dim, tile: each, precision };
  const wanted = registers(kernel, program);
  const most = REGISTERS[device.vendor] ?? REGISTERS_ELSEWHERE;
  const coreBytes = CORE_BYTES[device.vendor] ?? CORE_BYTES_ELSEWHERE;
  const atOnce = Math.min(
    Math.max(1, Math.floor(coreBytes / flashWorkgroupBytes(kernel, program))),
    Math.floor(CORE_REGISTERS / (Math.min(wanted, most) * lanes)),
  );
  const busy = Math.min(1, (atOnce * lanes) / BUSY) ** 0.5;
  const spills = Math.max(1, wanted / most) ** 2;
  return (Math.ceil(tokens / rows) * time * lanes * spills) / busy;
}
