import type { Precision } from '../half/half.js';
import { epilogueFunctions, finish, putRowSums, readColumns } from './gemm-epilogue.wgsl.js';
import { lineLength, readWidth, type Slab, slabText } from './slab.wgsl.js';

/**
 * Matrix products in WGSL: C = alpha op(A) op(B), and what is done to C before it is written.
 *
 * A workgroup computes a tile of C. It walks along k in steps of `tile.k`: a slab of A and a slab of B go
 * through registers into workgroup memory, both with k as the slow axis (slab.wgsl.ts), and each invocation adds the
 * outer products of its rows and columns to a block of C that it keeps in registers.
 *
 * What the design is for, on a GPU. What is said of instructions was read from a compiler: docs/webgpu-roofline.md.
 * - Arithmetic. An 8 x 8 block takes 4 vec4 reads of workgroup memory for 64 multiply-adds; at 4 x 4 it is 2
 *   for 16, and workgroup memory, not arithmetic, is the limit. Hence the largest block that leaves enough
 *   workgroups to fill the device (see gemm-tiles.ts).
 * - Latency. The next slabs are read into registers before the products of these begin, so that memory
 *   answers while the device multiplies. That takes the registers of 4 vec4, where a second pair of slabs in
 *   workgroup memory would halve how many workgroups fit on a core. From reading a slab to storing it there is no branch and no
 *   loop: compilers move a read that is not in a branch past a loop that does not need it, and wait for one that is.
 * - Addresses. The steps of a slab are written out, and slabs are arrays of lines: what is read lies at a constant distance
 *   from two registers, and Tint can prove that it is in range. Otherwise every sixth instruction would be an address.
 * - Both halves of a thread's block lie half a tile apart, so that neighbours read and write neighbouring
 *   vec4 in workgroup memory and in C.
 * - Everything in registers has a name of its own: indexed local arrays end up in memory with some compilers.
 * - Half precision is a matter of memory alone. Without tensor cores it multiplies no faster, and converting what
 *   a slab is filled with costs less than converting, many times over, what is read from it.
 *
 * Sizes come in a uniform, so that one pipeline serves all shapes of a kind.
 */

/** The part of C that a workgroup makes, and its shares. All are powers of two, and at least 4; `k` may be 0. */
export interface GemmTile {
  readonly m: number;
  readonly n: number;
  /** Depth of the slabs in workgroup memory; 0 where there are none: see gemm-direct.wgsl.ts. */
  readonly k: number;
  /** The block of C that one invocation keeps in registers. */
  readonly threadM: number;
  readonly threadN: number;
}

/** One factor: [rows, k] contiguous along `k`, or [k, rows] contiguous along `rows` (columns, for B). */
export interface GemmOperand {
  readonly along: 'k' | 'rows';
  /** The contiguous axis is a multiple of 4: read vec4. */
  readonly vector: boolean;
  readonly precision: Precision;
}

/** What happens to a finished sum. */
interface GemmEpilogue {
  /** Add bias [n]. */
  readonly bias?: boolean;
  /** Write GELU(c), and its derivative to a second output. */
  readonly gelu?: boolean;
  /** Add another matrix of C's shape. */
  readonly residual?: boolean;
  /** Multiply with another matrix of C's shape, entry by entry. */
  readonly factor?: boolean;
}

export interface GemmProgram {
  readonly tile: GemmTile;
  readonly a: GemmOperand;
  readonly b: GemmOperand;
  readonly out: { readonly vector: boolean; readonly precision: Precision };
  readonly epilogue: GemmEpilogue;
  /**
   * Also sum op(A)'s rows over k, [m]: the bias gradient of a linear layer, dbias = column sums of dy, from
   * the numbers that dweight = dyᵀ x reads anyway. Needs A along its rows.
   */
  readonly rowSums?: boolean;
  /**
   * The z axis of the grid cuts k, and each part of the sum goes to its own place in one output of
   * [split, partStride(m, n)]: C, and the row sums behind it. See split-k.wgsl.ts. Otherwise z is the batch.
   */
  readonly split?: boolean;
}

/** What slabs depend on. */
type Factored = Pick<GemmProgram, 'tile' | 'a' | 'b'>;

/** What does not depend on the shares of a workgroup. */
export type TilelessProgram = Omit<GemmProgram, 'tile'>;

/** Invocations of a workgroup. */
export function gemmInvocations({ m, n, threadM, threadN }: GemmTile): number {
  return (m / threadM) * (n / threadN);
}

/** Workgroup memory in bytes. */
export function gemmWorkgroupBytes(program: Factored): number {
  const { a, b } = slabsOf(program);
  return 16 * program.tile.k * (lineLength(a) + lineLength(b));
}

/** Numbers between the parts of a split sum: a multiple of 4. */
export function partStride(m: number, n: number): number {
  return Math.ceil((m * n + m) / 4) * 4;
}

/**
 * Bindings in group 0, in this order: a, b, then as the epilogue says bias, residual, factor; out, then
 * derivative or sums; the uniform last: m, n, k, `depth` (how much of k a part takes; k if not split), alpha.
 */
export function gemmWgsl(program: GemmProgram): string {
  const { tile, rowSums = false } = program;
  check(program);
  const slabs = slabsOf(program);
  const [a, b] = [slabText(slabs.a), slabText(slabs.b)];
  const store = (from: string) => `if (${from} + ${tile.k}u > end) {
      ${a.zeroPastEnd(from)}
      ${b.zeroPastEnd(from)}
    }
    ${a.store}
    ${b.store}
    ${rowSums ? `rowSum += ${a.sum};` : ''}`;
  return `${enable(program)}
${shapeAndBindings(program, { a: readWidth(slabs.a), b: readWidth(slabs.b) })}
var<workgroup> slabA: array<array<vec4<f32>, ${lineLength(slabs.a)}>, ${tile.k}>;
var<workgroup> slabB: array<array<vec4<f32>, ${lineLength(slabs.b)}>, ${tile.k}>;
${epilogueFunctions(program)}

@compute @workgroup_size(${gemmInvocations(tile)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let firstRow = group.y * ${tile.m}u;
  let firstColumn = group.x * ${tile.n}u;
  ${ownBlock(tile)}
  ${partOfSum(program)}
  ${each(tile.threadM, (row) => each(tile.threadN / 4, (j) => `var c${row}_${j} = vec4<f32>();`))}
  ${rowSums ? 'var rowSum = vec4<f32>();' : ''}
  ${a.variables}
  ${b.variables}
  ${a.read}
  ${b.read}
  ${store('start')}
  for (var slab = start; slab < end; slab += ${tile.k}u) {
    workgroupBarrier();
    ${a.moveOn}
    ${b.moveOn}
    ${a.read}
    ${b.read}
    ${each(tile.k, (line) => products(line, tile))}
    workgroupBarrier();
    ${store(`slab + ${tile.k}u`)}
  }
  ${rowSums ? writeRowSums(program) : ''}
  ${writeBlock(program)}
}
`;
}

/** The slabs of both factors. */
function slabsOf({ tile, a, b }: Factored): { a: Slab; b: Slab } {
  const shared = { depth: tile.k, threads: gemmInvocations(tile) };
  return {
    a: { name: 'A', ...a, across: tile.m, ...shared },
    b: { name: 'B', ...b, across: tile.n, ...shared },
  };
}

function check({ tile, a, rowSums = false, split = false, epilogue }: GemmProgram): void {
  const sides = Object.entries(tile).filter(([, size]) => size < 4 || !Number.isInteger(Math.log2(size)));
  if (sides.length > 0)
    throw new Error(`gemm: tile ${JSON.stringify(tile)} must be of powers of two of at least 4`);
  if ((Math.min(tile.m, tile.n) * tile.k) / 8 < gemmInvocations(tile))
    throw new Error(`gemm: slabs of tile ${JSON.stringify(tile)} have no piece for each invocation`);
  if (rowSums && a.along !== 'rows') throw new Error('gemm: row sums need A along its rows');
  if (split && (!rowSums || Object.values(epilogue).some(Boolean)))
    throw new Error('gemm: only weight gradients, which have row sums and no epilogue, are split along k');
}

export function enable({ a, b, out }: GemmProgram): string {
  return [a, b, out].some(({ precision }) => precision === 'f16') ? 'enable f16;' : '';
}

/** How many numbers of a factor are read at once: what its buffer is an array of. */
interface Widths {
  readonly a: number;
  readonly b: number;
}

/** The uniform, and everything bound. */
export function shapeAndBindings(program: TilelessProgram, widths: Widths): string {
  return `struct Shape { m: u32, n: u32, k: u32, depth: u32, alpha: f32 }
${bindings(program, widths)}`;
}

function bindings(
  { a, b, out, epilogue, rowSums = false, split = false }: TilelessProgram,
  widths: Widths,
): string {
  const buffer = (precision: Precision, width: number) =>
    width === 1 ? `array<${precision}>` : `array<vec${width}<${precision}>>`;
  const like = out.vector ? 4 : 1;
  const list: [declaration: string, present: boolean][] = [
    [`<storage, read> a: ${buffer(a.precision, widths.a)}`, true],
    [`<storage, read> b: ${buffer(b.precision, widths.b)}`, true],
    [`<storage, read> bias: ${buffer('f32', like)}`, epilogue.bias === true],
    [`<storage, read> residual: ${buffer(out.precision, like)}`, epilogue.residual === true],
    [`<storage, read> factor: ${buffer(out.precision, like)}`, epilogue.factor === true],
    [`<storage, read_write> c: ${buffer(split ? 'f32' : out.precision, like)}`, true],
    [`<storage, read_write> derivative: ${buffer(out.precision, like)}`, epilogue.gelu === true],
    [`<storage, read_write> sums: array<f32>`, rowSums && !split],
    ['<uniform> shape: Shape', true],
  ];
  return list
    .filter(([, present]) => present)
    .map(([declaration], index) => `@group(0) @binding(${index}) var${declaration};`)
    .join('\n');
}

/** From `start` to `end` of what is summed over, in matrices that begin at `baseA` and `baseB`: of one slice, or of one batch. */
export function partOfSum({ split = false }: TilelessProgram): string {
  return split
    ? `let start = group.z * shape.depth;
  let end = min(start + shape.depth, shape.k);
  let baseA = 0u;
  let baseB = 0u;`
    : `let start = 0u;
  let end = shape.k;
  let baseA = group.z * shape.m * shape.k;
  let baseB = group.z * shape.n * shape.k;`;
}

/**
 * `tx` and `ty`: an invocation's place among the blocks of the tile. 32 neighbours are four rows of eight, and every four of
 * them two of two, as in CUTLASS: NVIDIA's workgroup memory serves 16 neighbours at once where those that differ in one of
 * the two lowest bits read the same vec4.
 */
function ownBlock({ m, n, threadM, threadN }: GemmTile): string {
  const most = { x: Math.log2(n / threadN), y: Math.log2(m / threadM) };
  const bits = { x: [] as string[], y: [] as string[] };
  const axes = [...'xyxxyy', ...'x'.repeat(most.x), ...'y'.repeat(most.y)] as ('x' | 'y')[];
  let bit = 0;
  for (const axis of axes.filter((each, index) => count(each, axes.slice(0, index)) < most[each])) {
    bits[axis].push(`local / ${2 ** bit}u % 2u * ${2 ** bits[axis].length}u`);
    bit++;
  }
  return `let tx = ${['0u', ...bits.x].join(' + ')};
  let ty = ${['0u', ...bits.y].join(' + ')};`;
}

function count<T>(value: T, values: readonly T[]): number {
  return values.filter((each) => each === value).length;
}

/** One step of k: the outer product of the thread's rows and columns. */
function products(line: number, { m, n, threadM, threadN }: GemmTile): string {
  const fours = { a: threadM / 4, b: threadN / 4 };
  const apart = { a: m / 4 / fours.a, b: n / 4 / fours.b };
  return `{
      ${each(fours.a, (i) => `let a${i} = slabA[${line}u][ty + ${i * apart.a}u];`)}
      ${each(fours.b, (j) => `let b${j} = slabB[${line}u][tx + ${j * apart.b}u];`)}
      ${each(threadM, (row) =>
        each(fours.b, (j) => {
          const entry = `a${Math.floor(row / 4)}.${'xyzw'[row % 4]}`;
          return `c${row}_${j} = fma(vec4<f32>(${entry}), b${j}, c${row}_${j});`;
        }),
      )}
    }
    `;
}

/** The thread's block of C, four rows at a time. */
function writeBlock(program: GemmProgram): string {
  const { m, n, threadM, threadN } = program.tile;
  const fours = { m: threadM / 4, n: threadN / 4 };
  const columns = each(
    fours.n,
    (j) =>
      `let column${j} = firstColumn + ${(j * n) / fours.n}u + tx * 4u; ${readColumns(`column${j}`, program)}
  `,
  );
  const rows = each(fours.m, (i) => {
    const cells = Array.from({ length: 4 * fours.n }, (_, cell) => {
      const [row, j] = [Math.floor(cell / fours.n), cell % fours.n];
      return {
        row: `firstRow + ${(i * m) / fours.m + row}u + ty * 4u`,
        column: `column${j}`,
        sum: `c${4 * i + row}_${j}`,
      };
    });
    return finish(cells, 'group.z', program);
  });
  return columns + rows;
}

/** Add up what the workgroups of the first column have seen of each row of op(A): invocations of one place share rows. */
function writeRowSums(program: GemmProgram): string {
  const { tile } = program;
  const places = tile.m / 4;
  const invocations = gemmInvocations(tile);
  return `workgroupBarrier();
  slabA[lineA][fourA] = rowSum;
  workgroupBarrier();
  if (group.x == 0u) {
    for (var place = local; place < ${places}u; place += ${invocations}u) {
      var total = vec4<f32>();
      for (var line = 0u; line < ${invocations / places}u; line++) { total += slabA[line][place]; }
      let row = firstRow + place * 4u;
      if (row < shape.m) { ${putRowSums(program)} }
    }
  }`;
}

export function each(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('');
}
