import { type Subgroups, subgroupsAttribute, subgroupsHead } from '../webgpu/subgroups.js';
import { each, type GemmProgram, partOfSum, shapeAndBindings } from './gemm.wgsl.js';
import { operandReads } from './gemm-direct.wgsl.js';
import { epilogueFunctions, finish as finishCells, putRowSums, readColumns } from './gemm-epilogue.wgsl.js';

/**
 * The same products on tensor cores, by Chromium's experimental subgroup matrices: a subgroup multiplies and adds
 * whole matrices of half precision, with sums in float32, a few of which it keeps in its registers.
 *
 * Slabs are of half precision in workgroup memory, whatever they are read from, and lie there as they do in memory: a
 * subgroup matrix is loaded along its rows or its columns alike. Eight numbers of padding spread the lines of a slab
 * over the banks. Finished matrices go through workgroup memory to the epilogue, one to a subgroup at a time.
 *
 * Programs, bindings and the grid are those of gemm.wgsl.ts. **This has not run on a GPU yet**: see `Dialect`.
 */

/** A workgroup's part of C, how deep its slabs are, and how its subgroups share it. */
export interface MatrixTile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly subgroupsM: number;
  readonly subgroupsN: number;
}

/** What a subgroup multiplies at once: [m, k] of float16 and [k, n], with sums in float32. */
export interface MatrixConfig {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export interface MatrixProgram extends Omit<GemmProgram, 'tile'> {
  readonly tile: MatrixTile;
  readonly config: MatrixConfig;
  readonly subgroups: Subgroups;
  /**
   * `emulated` spells matrices as arrays, for subgroups of one invocation: slow, and runs wherever half precision
   * does. It is how all but the built-in functions is tested without tensor cores.
   */
  readonly dialect: 'subgroup-matrix' | 'emulated';
}

/** Numbers between the end of one line of a slab and the start of the next. */
const PADDING = 8;

/** Invocations of a workgroup. */
export function matrixInvocations({ tile, subgroups }: Pick<MatrixProgram, 'tile' | 'subgroups'>): number {
  return tile.subgroupsM * tile.subgroupsN * subgroups.size;
}

/** Workgroup memory in bytes. */
export function matrixWorkgroupBytes(program: MatrixProgram): number {
  const { tile, config } = program;
  const slabs = 2 * (slab('a', program).size + slab('b', program).size);
  return slabs + 4 * tile.subgroupsM * tile.subgroupsN * config.m * config.n;
}

/** Bindings as `gemmWgsl`. Where k is split, its parts must be multiples of the tile's k. */
export function gemmSubgroupMatrixWgsl(program: MatrixProgram): string {
  const { tile, config, rowSums = false } = program;
  check(program);
  const subgroups = tile.subgroupsM * tile.subgroupsN;
  const rows = tile.m / tile.subgroupsM / config.m;
  const columns = tile.n / tile.subgroupsN / config.n;
  const { directives, functions, builtins, subgroup, member } = dialectOf(program);
  return `${directives}
${shapeAndBindings(program, { a: program.a.vector ? 4 : 1, b: program.b.vector ? 4 : 1 })}
var<workgroup> slabA: array<f16, ${slab('a', program).size}>;
var<workgroup> slabB: array<f16, ${slab('b', program).size}>;
var<workgroup> finished: array<f32, ${subgroups * config.m * config.n}>;
${operandReads(program)}
${epilogueFunctions(program)}
${functions}

@compute @workgroup_size(${matrixInvocations(program)}) ${subgroupsAttribute(program.subgroups)}
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32${builtins}) {
  let subgroup = ${subgroup};
  let firstRow = group.y * ${tile.m}u;
  let firstColumn = group.x * ${tile.n}u;
  let ownRow = subgroup / ${tile.subgroupsN}u * ${tile.m / tile.subgroupsM}u;
  let ownColumn = subgroup % ${tile.subgroupsN}u * ${tile.n / tile.subgroupsN}u;
  ${partOfSum(program)}
  ${each(rows, (i) => each(columns, (j) => `var c${i}_${j} = Result();`))}
  ${rowSums ? 'var rowSum = vec4<f32>();' : ''}
  for (var first = start; first < end; first += ${tile.k}u) {
    ${fill('a', program)}
    ${fill('b', program)}
    workgroupBarrier();
    for (var depth = 0u; depth < ${tile.k}u; depth += ${config.k}u) {
      ${each(rows, (i) => `let a${i} = loadA(${place('a', `ownRow + ${i * config.m}u`, program)});`)}
      ${each(columns, (j) => `let b${j} = loadB(${place('b', `ownColumn + ${j * config.n}u`, program)});`)}
      ${each(rows, (i) => each(columns, (j) => `c${i}_${j} = multiply(a${i}, b${j}, c${i}_${j});`))}
    }
    workgroupBarrier();
  }
  let own = subgroup * ${config.m * config.n}u;
  ${each(rows, (i) => each(columns, (j) => finish(i, j, member, program)))}
  ${rowSums ? addRowSums(program) : ''}
}
`;
}

function check({ tile, config, a, rowSums = false, subgroups }: MatrixProgram): void {
  const whole =
    tile.m % (tile.subgroupsM * config.m) === 0 &&
    tile.n % (tile.subgroupsN * config.n) === 0 &&
    tile.k % config.k === 0;
  if (!whole)
    throw new Error(
      `gemm: tile ${JSON.stringify(tile)} is not of whole subgroup matrices ${JSON.stringify(config)}`,
    );
  if (!rowSums) return;
  if (a.along !== 'rows') throw new Error('gemm: row sums need A along its rows');
  if (matrixInvocations({ tile, subgroups }) % (tile.m / 4) !== 0)
    throw new Error('gemm: row sums need invocations that read the same rows of every slab');
}

/** The lines of a slab: of k where that is the contiguous axis in memory, of rows (columns, for B) otherwise. */
function slab(
  of: 'a' | 'b',
  { tile, ...program }: MatrixProgram,
): { line: number; stride: number; size: number } {
  const across = of === 'a' ? tile.m : tile.n;
  const [line, lines] = program[of].along === 'k' ? [tile.k, across] : [across, tile.k];
  return { line, stride: line + PADDING, size: lines * (line + PADDING) };
}

/** Where in its slab a matrix begins that is at this row (column, for B) and at `depth`. */
function place(of: 'a' | 'b', row: string, program: MatrixProgram): string {
  const { stride } = slab(of, program);
  return program[of].along === 'k' ? `(${row}) * ${stride}u + depth` : `depth * ${stride}u + ${row}`;
}

/** Bring a slab to workgroup memory, four numbers at a time. */
function fill(of: 'a' | 'b', program: MatrixProgram): string {
  const { rowSums = false } = program;
  const { line, stride, size } = slab(of, program);
  const fours = (size / stride) * (line / 4);
  const invocations = matrixInvocations(program);
  const [read, base, count, first, name] =
    of === 'a'
      ? ['readA', 'baseA', 'shape.m', 'firstRow', 'slabA']
      : ['readB', 'baseB', 'shape.n', 'firstColumn', 'slabB'];
  const value =
    program[of].along === 'k'
      ? `${read}(${first} + line, first + at, ${count}, shape.k, ${base})`
      : `${read}(first + line, ${first} + at, shape.k, ${count}, ${base})`;
  return `for (var four = local; four < ${fours}u; four += ${invocations}u) {
      let line = four / ${line / 4}u;
      let at = four % ${line / 4}u * 4u;
      let value = ${value};
      ${each(4, (i) => `${name}[line * ${stride}u + at + ${i}u] = f16(value.${'xyzw'[i]});`)}
      ${of === 'a' && rowSums ? 'rowSum += value;' : ''}
    }`;
}

/** Bring one matrix of sums to the epilogue. */
function finish(i: number, j: number, member: string, program: MatrixProgram): string {
  const { config, subgroups } = program;
  const { m, n } = config;
  return `storeC(own, c${i}_${j});
  workgroupBarrier();
  for (var four = ${member}; four < ${(m * n) / 4}u; four += ${subgroups.size}u) {
    let at = own + four * 4u;
    let sum = vec4<f32>(finished[at], finished[at + 1u], finished[at + 2u], finished[at + 3u]);
    let column = firstColumn + ownColumn + ${j * n}u + four % ${n / 4}u * 4u;
    ${readColumns('column', program)}
    ${finishCells([{ row: `firstRow + ownRow + ${i * m}u + four / ${n / 4}u`, column: 'column', sum: 'sum' }], 'group.z', program)}
  }
  workgroupBarrier();
  `;
}

/** Every invocation has read the same four rows of each slab; those that share them add up. */
function addRowSums(program: MatrixProgram): string {
  const invocations = matrixInvocations(program);
  const fours = program.tile.m / 4;
  return `${each(4, (i) => `finished[local * 4u + ${i}u] = rowSum[${i}];`)}
  workgroupBarrier();
  if (group.x == 0u) {
    for (var place = local; place < ${fours}u; place += ${invocations}u) {
      var total = vec4<f32>();
      for (var at = place * 4u; at < ${invocations * 4}u; at += ${fours * 4}u) {
        total += vec4<f32>(finished[at], finished[at + 1u], finished[at + 2u], finished[at + 3u]);
      }
      let row = firstRow + place * 4u;
      if (row < shape.m) { ${putRowSums(program)} }
    }
  }`;
}

/** The part of the text that knows what a subgroup matrix is. */
interface Dialect {
  readonly directives: string;
  /** `Result`, `loadA`, `loadB`, `multiply` and `storeC`. */
  readonly functions: string;
  /** Further arguments of `main`; the subgroup's number in its workgroup, and the invocation's in its subgroup. */
  readonly builtins: string;
  readonly subgroup: string;
  readonly member: string;
}

function dialectOf(program: MatrixProgram): Dialect {
  const { config, dialect, a, b } = program;
  const { m, n, k } = config;
  const [strideA, strideB] = [slab('a', program).stride, slab('b', program).stride];
  if (dialect === 'subgroup-matrix')
    return {
      directives: `enable f16;\n${subgroupsHead(program.subgroups)}\nenable chromium_experimental_subgroup_matrix;`,
      functions: `alias Left = subgroup_matrix_left<f16, ${k}, ${m}>;
alias Right = subgroup_matrix_right<f16, ${n}, ${k}>;
alias Result = subgroup_matrix_result<f32, ${n}, ${m}>;
fn loadA(at: u32) -> Left { return subgroupMatrixLoad<Left, ${a.along === 'k' ? 'row_major' : 'col_major'}>(&slabA, at, ${strideA}u); }
fn loadB(at: u32) -> Right { return subgroupMatrixLoad<Right, ${b.along === 'k' ? 'col_major' : 'row_major'}>(&slabB, at, ${strideB}u); }
fn multiply(a: Left, b: Right, c: Result) -> Result { return subgroupMatrixMultiplyAccumulate(a, b, c); }
fn storeC(at: u32, c: Result) { subgroupMatrixStore<row_major>(&finished, at, c, ${n}u); }`,
      builtins: ', @builtin(subgroup_id) subgroupId: u32, @builtin(subgroup_invocation_id) member: u32',
      subgroup: 'subgroupId',
      member: 'member',
    };
  const load = (name: string, type: string, columns: number, rows: number, index: string) =>
    `fn ${name}(at: u32) -> ${type} {
  var matrix = ${type}();
  for (var row = 0u; row < ${rows}u; row++) {
    for (var column = 0u; column < ${columns}u; column++) { matrix.entries[row * ${columns}u + column] = ${index}; }
  }
  return matrix;
}`;
  const entry = (name: string, stride: number, rowMajor: boolean) =>
    rowMajor ? `${name}[at + row * ${stride}u + column]` : `${name}[at + column * ${stride}u + row]`;
  return {
    directives: 'enable f16;',
    functions: `struct Left { entries: array<f16, ${m * k}> }
struct Right { entries: array<f16, ${k * n}> }
struct Result { entries: array<f32, ${m * n}> }
${load('loadA', 'Left', k, m, entry('slabA', strideA, a.along === 'k'))}
${load('loadB', 'Right', n, k, entry('slabB', strideB, b.along === 'rows'))}
fn multiply(a: Left, b: Right, c: Result) -> Result {
  var result = c;
  for (var row = 0u; row < ${m}u; row++) {
    for (var column = 0u; column < ${n}u; column++) {
      for (var i = 0u; i < ${k}u; i++) {
        result.entries[row * ${n}u + column] += f32(a.entries[row * ${k}u + i]) * f32(b.entries[i * ${n}u + column]);
      }
    }
  }
  return result;
}
fn storeC(at: u32, c: Result) {
  for (var i = 0u; i < ${m * n}u; i++) { finished[at + i] = c.entries[i]; }
}`,
    builtins: '',
    subgroup: 'local',
    member: '0u',
  };
}
