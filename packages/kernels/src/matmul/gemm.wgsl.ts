import { geluFunction } from '../gelu/gelu.wgsl.js';
import type { Precision } from '../half/half.js';

/**
 * Matrix products in WGSL: C = alpha op(A) op(B), and what is done to C before it is written.
 *
 * A workgroup computes a tile of C. It walks along k in steps of `tile.k`: a slab of A and a slab of B go
 * through registers into workgroup memory, both with k as the slow axis, and each invocation adds the outer
 * products of its rows and columns to a block of C that it keeps in registers.
 *
 * What the design is for, on a GPU:
 * - Arithmetic. An 8 x 8 block takes 4 vec4 reads of workgroup memory for 64 multiply-adds; at 4 x 4 it is 2
 *   for 16, and workgroup memory, not arithmetic, is the limit. Hence the largest block that leaves enough
 *   workgroups to fill the device (see gemm-tiles.ts).
 * - Latency. The next slabs are read into registers before the products of these begin, so that memory
 *   answers while the device multiplies. That takes the registers of 4 vec4, where a second pair of slabs in
 *   workgroup memory would halve how many workgroups fit on a core.
 * - Banks. Slabs are read 4 x 4 numbers at a time and turned in registers where k is the contiguous axis.
 *   Neighbouring invocations then write rows of the slab that are 4 apart, all in the same bank; a column
 *   index XORed with the row spreads them over all of the banks and costs one instruction per 4 rows.
 * - Both halves of a thread's block lie half a tile apart, so that neighbours read and write neighbouring
 *   vec4 in workgroup memory and in C.
 * - Everything in registers has a name of its own: indexed local arrays end up in memory with some compilers.
 * - Half precision is a matter of memory alone. Without tensor cores it multiplies no faster, and converting what
 *   a slab is filled with costs less than converting, many times over, what is read from it.
 *
 * Sizes come in a uniform, so that one pipeline serves all shapes of a kind. Rows past the end of a matrix
 * are never read, and count as zero.
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
interface GemmOperand {
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

/** What does not depend on the shares of a workgroup. */
type TilelessProgram = Omit<GemmProgram, 'tile'>;

/** Invocations of a workgroup. */
export function gemmInvocations({ m, n, threadM, threadN }: GemmTile): number {
  return (m / threadM) * (n / threadN);
}

/** Workgroup memory in bytes. */
export function gemmWorkgroupBytes({ tile: { m, n, k } }: Pick<GemmProgram, 'tile'>): number {
  return 4 * (m * k + n * k);
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
  const groups = { a: tile.threadM / 4, b: tile.threadN / 4 };
  const across = tile.n / tile.threadN;
  return `${enable(program)}
${shapeAndBindings(program)}
var<workgroup> slabA: array<vec4<f32>, ${(tile.m * tile.k) / 4}>;
var<workgroup> slabB: array<vec4<f32>, ${(tile.n * tile.k) / 4}>;
${operandReads(program)}
${geluWhere(program)}
${writeFunction(program)}

@compute @workgroup_size(${gemmInvocations(tile)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let firstRow = group.y * ${tile.m}u;
  let firstColumn = group.x * ${tile.n}u;
  let tx = local % ${across}u;
  let ty = local / ${across}u;
  ${partOfSum(program)}
  ${each(tile.threadM, (row) => each(groups.b, (j) => `var c${row}_${j} = vec4<f32>();`))}
  ${loads(program).declare}
  for (var slab = start; ; slab += ${tile.k}u) {
    if (slab < end) {
      ${loads(program).fetch('slab')}
    }
    if (slab > start) {
      for (var block = 0u; block < ${tile.k / 4}u; block++) {
        ${products(program, groups)}
      }
    }
    if (slab >= end) { break; }
    workgroupBarrier();
    ${loads(program).store}
    workgroupBarrier();
  }
  ${rowSums ? writeRowSums(program) : ''}
  ${each(tile.threadM, (row) => {
    const half = Math.floor(row / 4);
    const at = `firstRow + ${(half * tile.m) / groups.a + (row % 4)}u + ty * 4u`;
    return each(groups.b, (j) => {
      const column = `firstColumn + ${(j * tile.n) / groups.b}u + tx * 4u`;
      return `write(group.z, ${at}, ${column}, c${row}_${j});`;
    });
  })}
}
`;
}

function check({ tile, a, rowSums = false, split = false, epilogue }: GemmProgram): void {
  const sides = Object.entries(tile).filter(([, size]) => size < 4 || !Number.isInteger(Math.log2(size)));
  if (sides.length > 0)
    throw new Error(`gemm: tile ${JSON.stringify(tile)} must be of powers of two of at least 4`);
  if (rowSums && a.along !== 'rows') throw new Error('gemm: row sums need A along its rows');
  if (split && (!rowSums || Object.values(epilogue).some(Boolean)))
    throw new Error('gemm: only weight gradients, which have row sums and no epilogue, are split along k');
}

export function enable({ a, b, out }: GemmProgram): string {
  return [a, b, out].some(({ precision }) => precision === 'f16') ? 'enable f16;' : '';
}

/** The uniform, and everything bound. */
export function shapeAndBindings(program: TilelessProgram): string {
  return `struct Shape { m: u32, n: u32, k: u32, depth: u32, alpha: f32 }
${bindings(program)}`;
}

function bindings({ a, b, out, epilogue, rowSums = false, split = false }: TilelessProgram): string {
  const matrix = ({ vector, precision }: { vector: boolean; precision: Precision }) =>
    vector ? `array<vec4<${precision}>>` : `array<${precision}>`;
  const list: [declaration: string, present: boolean][] = [
    [`<storage, read> a: ${matrix(a)}`, true],
    [`<storage, read> b: ${matrix(b)}`, true],
    [`<storage, read> bias: array<f32>`, epilogue.bias === true],
    [`<storage, read> residual: ${matrix(out)}`, epilogue.residual === true],
    [`<storage, read> factor: ${matrix(out)}`, epilogue.factor === true],
    [`<storage, read_write> c: ${matrix(split ? { ...out, precision: 'f32' } : out)}`, true],
    [`<storage, read_write> derivative: ${matrix(out)}`, epilogue.gelu === true],
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

/** `readA` and `readB`: (row, column, rows, columns, base) of a factor as it lies in memory. */
export function operandReads({ a, b }: TilelessProgram): string {
  return `${readFunction('readA', 'a', a)}
${readFunction('readB', 'b', b)}`;
}

/** What the epilogue calls. */
export function geluWhere({ epilogue }: TilelessProgram): string {
  return epilogue.gelu ? geluFunction('vec4<f32>') : '';
}

/** Four numbers of a row from `column` on; zero from `columns` on. */
function readFunction(name: string, buffer: string, { vector }: GemmOperand): string {
  const signature = `fn ${name}(row: u32, column: u32, rows: u32, columns: u32, base: u32) -> vec4<f32>`;
  if (vector)
    return `${signature} {
  if (row >= rows || column >= columns) { return vec4<f32>(); }
  return vec4<f32>(${buffer}[(base + row * columns + column) / 4u]);
}`;
  return `${signature} {
  var four = vec4<f32>();
  if (row >= rows || column >= columns) { return four; }
  let at = base + row * columns + column;
  four.x = f32(${buffer}[at]);
  if (column + 1u < columns) { four.y = f32(${buffer}[at + 1u]); }
  if (column + 2u < columns) { four.z = f32(${buffer}[at + 2u]); }
  if (column + 3u < columns) { four.w = f32(${buffer}[at + 3u]); }
  return four;
}`;
}

/** A slab is a list of 4 x 4 blocks; each load of an invocation takes one, of A's slab or of B's. */
interface Load {
  readonly index: number;
  readonly of: 'a' | 'b';
  /** The block, and a condition where some invocations have none. */
  readonly block: string;
  readonly condition: string | undefined;
}

/** The blocks of both slabs in a row, dealt to the invocations in turn. */
function planLoads({ tile }: GemmProgram): Load[] {
  const threads = gemmInvocations(tile);
  const blocks = { a: (tile.m * tile.k) / 16, b: (tile.n * tile.k) / 16 };
  const total = blocks.a + blocks.b;
  const loads: Load[] = [];
  for (let first = 0; first < total; first += threads) {
    const last = Math.min(first + threads, total);
    const id = first === 0 ? 'local' : `local + ${first}u`;
    const conditions = (low: number, high: number) => {
      const tests = [
        ...(low > first ? [`${id} >= ${low}u`] : []),
        ...(high < first + threads ? [`${id} < ${high}u`] : []),
      ];
      return tests.length === 0 ? undefined : tests.join(' && ');
    };
    const ofA = { low: first, high: Math.min(last, blocks.a) };
    const ofB = { low: Math.max(first, blocks.a), high: last };
    if (ofA.low < ofA.high)
      loads.push({ index: loads.length, of: 'a', block: id, condition: conditions(ofA.low, ofA.high) });
    if (ofB.low < ofB.high)
      loads.push({
        index: loads.length,
        of: 'b',
        block: `${id} - ${blocks.a}u`,
        condition: conditions(ofB.low, ofB.high),
      });
  }
  return loads;
}

/** The text of the loads: registers, reading a slab into them, and storing them in workgroup memory. */
function loads(program: GemmProgram): { declare: string; store: string; fetch: (step: string) => string } {
  const { tile, rowSums = false } = program;
  const plan = planLoads(program);
  const guarded = ({ condition }: Load, text: string) =>
    condition === undefined ? `{ ${text} }` : `if (${condition}) { ${text} }`;
  const side = ({ of }: Load) => (of === 'a' ? tile.m : tile.n) / 4;

  /** Which 4 x 4 block: neighbours take neighbouring vec4 of the contiguous axis. */
  const place = (load: Load): string => {
    const operand = program[load.of];
    return operand.along === 'k'
      ? `let depth = (${load.block}) % ${tile.k / 4}u; let place = (${load.block}) / ${tile.k / 4}u;`
      : `let place = (${load.block}) % ${side(load)}u; let depth = (${load.block}) / ${side(load)}u;`;
  };

  const fetchOne = (load: Load, step: string): string => {
    const along = program[load.of].along;
    const [read, base, count, first] =
      load.of === 'a'
        ? ['readA', 'baseA', 'shape.m', 'firstRow']
        : ['readB', 'baseB', 'shape.n', 'firstColumn'];
    return guarded(
      load,
      place(load) +
        each(4, (i) =>
          along === 'k'
            ? `p${load.index}_${i} = ${read}(${first} + place * 4u + ${i}u, ${step} + depth * 4u, ${count}, shape.k, ${base});`
            : `p${load.index}_${i} = ${read}(${step} + depth * 4u + ${i}u, ${first} + place * 4u, shape.k, ${count}, ${base});`,
        ),
    );
  };

  const storeOne = (load: Load): string => {
    const slab = load.of === 'a' ? 'slabA' : 'slabB';
    const along = program[load.of].along;
    const four = (i: number) =>
      along === 'rows'
        ? `p${load.index}_${i}`
        : `vec4<f32>(${[0, 1, 2, 3].map((row) => `p${load.index}_${row}.${'xyzw'[i]}`).join(', ')})`;
    const column = swizzled('place', 'depth', load.of, program);
    const sums =
      rowSums && load.of === 'a'
        ? `sum${load.index} += ${[0, 1, 2, 3].map((i) => `p${load.index}_${i}`).join(' + ')};`
        : '';
    return guarded(
      load,
      `${place(load)} let at = depth * ${side(load) * 4}u + (${column}); ${each(4, (i) => `${slab}[at + ${i * side(load)}u] = ${four(i)};`)} ${sums}`,
    );
  };

  const declare = plan.map((load) => {
    const sum = rowSums && load.of === 'a' ? `var sum${load.index} = vec4<f32>();` : '';
    return each(4, (i) => `var p${load.index}_${i} = vec4<f32>();`) + sum;
  });
  return {
    declare: declare.join('\n  '),
    store: plan.map(storeOne).join('\n    '),
    fetch: (step) => plan.map((load) => fetchOne(load, step)).join('\n      '),
  };
}

/** Workgroup memory has 128 bytes to a row of banks. */
const BANK_BYTES = 128;

/**
 * A vec4's place in its row of the slab. Where k is the contiguous axis, neighbouring invocations store at
 * depths 4 apart and the same place; the XOR moves them to banks of their own.
 */
function swizzled(place: string, depth: string, of: 'a' | 'b', { tile, a, b }: GemmProgram): string {
  const operand = of === 'a' ? a : b;
  if (operand.along === 'rows') return place;
  const row = (of === 'a' ? tile.m : tile.n) / 4;
  const vectors = Math.min(BANK_BYTES / 16, row);
  const stride = Math.max(1, vectors / (tile.k / 4));
  return `(${place}) ^ ((${depth} * ${stride}u) & ${row - 1}u)`;
}

/** Four steps of k: the outer products of the thread's rows and columns. Compilers unroll the loops. */
function products(program: GemmProgram, groups: { a: number; b: number }): string {
  const { tile } = program;
  const rows = { a: tile.m / 4, b: tile.n / 4 };
  const at = (of: 'a' | 'b', index: number) => {
    const place = `${of === 'a' ? 'ty' : 'tx'} + ${(index * rows[of]) / groups[of]}u`;
    return `let at${of}${index} = block * ${rows[of] * 4}u + (${swizzled(place, 'block', of, program)});`;
  };
  const load = (of: 'a' | 'b', index: number) =>
    `let ${of}${index} = slab${of.toUpperCase()}[at${of}${index} + depth * ${rows[of]}u];`;
  return `${each(groups.a, (i) => at('a', i))}
        ${each(groups.b, (j) => at('b', j))}
        for (var depth = 0u; depth < 4u; depth++) {
          ${each(groups.a, (i) => load('a', i))}
          ${each(groups.b, (j) => load('b', j))}
          ${each(tile.threadM, (row) =>
            each(groups.b, (j) => {
              const entry = `a${Math.floor(row / 4)}.${'xyzw'[row % 4]}`;
              return `c${row}_${j} = fma(vec4<f32>(${entry}), b${j}, c${row}_${j});`;
            }),
          )}
        }`;
}

/** Add up what the loads of the first column of tiles have seen of each row of op(A). */
function writeRowSums(program: GemmProgram): string {
  const { tile } = program;
  const places = tile.m / 4;
  const mine = planLoads(program).filter(({ of }) => of === 'a');
  return `workgroupBarrier();
  ${mine.map(({ index, block, condition }) => `${condition === undefined ? '' : `if (${condition}) `}{ slabA[${block}] = sum${index}; }`).join('\n  ')}
  workgroupBarrier();
  if (group.x == 0u) {
    for (var place = local; place < ${places}u; place += ${gemmInvocations(tile)}u) {
      var total = vec4<f32>();
      for (var depth = 0u; depth < ${tile.k / 4}u; depth++) { total += slabA[depth * ${places}u + place]; }
      let row = firstRow + place * 4u;
      if (row < shape.m) { ${putRowSums(program)} }
    }
  }`;
}

/** Write `total`, the sums of four rows from `row` on. Parts leave room to the next multiple of 4; an output of its own does not. */
export function putRowSums({ out, split = false }: TilelessProgram): string {
  if (split && out.vector) return 'c[(group.z * partStride() + shape.m * shape.n + row) / 4u] = total;';
  const place = split ? 'c[group.z * partStride() + shape.m * shape.n + row + i]' : 'sums[row + i]';
  return `for (var i = 0u; i < min(4u, shape.m - row); i++) { ${place} = total[i]; }`;
}

/** A finished vec4 of C, four columns of one row. */
export function writeFunction({ out, epilogue, split = false }: TilelessProgram): string {
  const four = (buffer: string) =>
    out.vector
      ? `vec4<f32>(${buffer}[at / 4u])`
      : `vec4<f32>(${each(4, (i) => `f32(${buffer}[min(at + ${i}u, last)])${i < 3 ? ', ' : ''}`)})`;
  const bias = `vec4<f32>(${each(4, (i) => `bias[min(column + ${i}u, shape.n - 1u)]${i < 3 ? ', ' : ''}`)})`;
  const precision = split ? 'f32' : out.precision;
  const put = (buffer: string, value: string) =>
    out.vector
      ? `${buffer}[at / 4u] = vec4<${precision}>(${value});`
      : each(
          4,
          (i) =>
            `${i === 0 ? '' : `if (column + ${i}u < shape.n) `}{ ${buffer}[at + ${i}u] = ${precision}(${value}.${'xyzw'[i]}); }`,
        );
  const base = split ? 'part * partStride()' : 'part * shape.m * shape.n';
  return `${
    split ? 'fn partStride() -> u32 { return (shape.m * shape.n + shape.m + 3u) / 4u * 4u; }\n' : ''
  }fn write(part: u32, row: u32, column: u32, sum: vec4<f32>) {
  if (row >= shape.m || column >= shape.n) { return; }
  let at = ${base} + row * shape.n + column;
  ${out.vector ? '' : 'let last = at + shape.n - 1u - column;'}
  var value = sum * shape.alpha;
  ${epilogue.bias ? `value += ${bias};` : ''}
  ${
    epilogue.gelu
      ? `let both = gelu(value);
  ${put('derivative', 'both.derivative')}
  value = both.value;`
      : ''
  }
  ${epilogue.factor ? `value *= ${four('factor')};` : ''}
  ${epilogue.residual ? `value += ${four('residual')};` : ''}
  ${put('c', 'value')}
}`;
}

export function each(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('');
}
