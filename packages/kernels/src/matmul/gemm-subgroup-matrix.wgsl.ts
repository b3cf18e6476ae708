import { type Subgroups, subgroupsAttribute, subgroupsHead } from '../webgpu/subgroups.js';
import { each, type GemmProgram, partOfSum, shapeAndBindings } from './gemm.wgsl.js';
import { epilogueFunctions, finish as finishCells, putRowSums, readColumns } from './gemm-epilogue.wgsl.js';
import {
  LARGEST_PIECE,
  lineStride,
  type MatrixSlab,
  type MatrixSlabText,
  matrixSlabText,
  partSize,
} from './matrix-slab.wgsl.js';

/**
 * The same products on tensor cores, by Chromium's experimental subgroup matrices: a subgroup multiplies and adds
 * whole matrices of half precision, with sums in float32, a few of which it keeps in its registers.
 *
 * Slabs are of half precision in workgroup memory, whatever they are read from (matrix-slab.wgsl.ts), and come through
 * registers while the matrices before them are multiplied, as in gemm.wgsl.ts. Finished matrices go through workgroup memory to
 * the epilogue, one to a subgroup at a time.
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

/** Invocations of a workgroup. */
export function matrixInvocations({ tile, subgroups }: Pick<MatrixProgram, 'tile' | 'subgroups'>): number {
  return tile.subgroupsM * tile.subgroupsN * subgroups.size;
}

/** Workgroup memory in bytes. */
export function matrixWorkgroupBytes(program: MatrixProgram): number {
  const { tile, config } = program;
  const slabs = 2 * slabsOf(program).reduce((sum, slab) => sum + slab.parts * partSize(slab), 0);
  const sums = program.rowSums ? tile.m * tile.k : 0;
  return slabs + 4 * tile.subgroupsM * tile.subgroupsN * config.m * config.n + sums;
}

/** Bindings as `gemmWgsl`. Where k is split, its parts must be multiples of the tile's k. */
export function gemmSubgroupMatrixWgsl(program: MatrixProgram): string {
  const { tile, config, rowSums = false } = program;
  check(program);
  const subgroups = tile.subgroupsM * tile.subgroupsN;
  const rows = tile.m / tile.subgroupsM / config.m;
  const columns = tile.n / tile.subgroupsN / config.n;
  const slabs = slabsOf(program);
  const [a, b] = slabs.map(matrixSlabText) as [MatrixSlabText, MatrixSlabText];
  const { directives, functions, builtins, subgroup, member } = dialectOf(program);
  const store = (from: string) => `if (${from} + ${tile.k}u > end) {
      ${a.zeroPastEnd(from)}
      ${b.zeroPastEnd(from)}
    }
    ${a.store}
    ${b.store}
    ${rowSums ? a.sums.map(({ of }, piece) => `rowSum${piece} += ${of};`).join(' ') : ''}`;
  return `${directives}
${shapeAndBindings(program, { a: program.a.vector ? 4 : 1, b: program.b.vector ? 4 : 1 })}
${slabs.map((slab) => `var<workgroup> slab${slab.name}: array<array<f16, ${partSize(slab)}>, ${slab.parts}>;`).join('\n')}
var<workgroup> finished: array<array<f32, ${config.m * config.n}>, ${subgroups}>;
${rowSums ? `var<workgroup> partialSums: array<array<vec4<f32>, ${tile.k / 4}>, ${tile.m / 4}>;` : ''}
${epilogueFunctions(program)}
${functions}

@compute @workgroup_size(${matrixInvocations(program)}) ${subgroupsAttribute(program.subgroups)}
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32${builtins}) {
  let subgroup = ${subgroup} % ${subgroups}u;
  let member = ${member} % ${program.subgroups.size}u;
  let firstRow = group.y * ${tile.m}u;
  let firstColumn = group.x * ${tile.n}u;
  let ownA = subgroup / ${tile.subgroupsN}u;
  let ownB = subgroup % ${tile.subgroupsN}u;
  ${partOfSum(program)}
  ${each(rows, (i) => each(columns, (j) => `var c${i}_${j} = Result();`))}
  ${rowSums ? a.sums.map((_, piece) => `var rowSum${piece} = vec4<f32>();`).join(' ') : ''}
  ${a.variables}
  ${b.variables}
  ${a.read}
  ${b.read}
  ${store('start')}
  for (var first = start; first < end; first += ${tile.k}u) {
    workgroupBarrier();
    ${a.moveOn}
    ${b.moveOn}
    ${a.read}
    ${b.read}
    ${each(tile.k / config.k, (step) => products(step * config.k, rows, columns, program))}
    workgroupBarrier();
    ${store(`first + ${tile.k}u`)}
  }
  let ownRow = firstRow + ownA * ${tile.m / tile.subgroupsM}u;
  let ownColumn = firstColumn + ownB * ${tile.n / tile.subgroupsN}u;
  ${each(rows, (i) => each(columns, (j) => finish(i, j, program)))}
  ${rowSums ? addRowSums(a, program) : ''}
}
`;
}

function slabsOf(program: MatrixProgram): MatrixSlab[] {
  const { tile, a, b } = program;
  const shared = { depth: tile.k, threads: matrixInvocations(program) };
  return [
    { name: 'A', ...a, across: tile.m, parts: tile.subgroupsM, ...shared },
    { name: 'B', ...b, across: tile.n, parts: tile.subgroupsN, ...shared },
  ];
}

/** The products of a subgroup's matrices that begin at this step of the slab. */
function products(depth: number, rows: number, columns: number, { tile, config }: MatrixProgram): string {
  const stride = lineStride({ depth: tile.k });
  return `{
      ${each(rows, (i) => `let a${i} = loadA(ownA, ${i * config.m * stride + depth}u);`)}
      ${each(columns, (j) => `let b${j} = loadB(ownB, ${j * config.n * stride + depth}u);`)}
      ${each(rows, (i) => each(columns, (j) => `c${i}_${j} = multiply(a${i}, b${j}, c${i}_${j});`))}
    }
    `;
}

/** Whether there are whole matrices for every subgroup, and pieces of both slabs for every invocation. */
export function sharesEvenly(program: Pick<MatrixProgram, 'tile' | 'config' | 'subgroups'>): boolean {
  const { tile, config } = program;
  return (
    tile.m % (tile.subgroupsM * config.m) === 0 &&
    tile.n % (tile.subgroupsN * config.n) === 0 &&
    tile.k % config.k === 0 &&
    Math.min(tile.m, tile.n) * tile.k >= LARGEST_PIECE * matrixInvocations(program)
  );
}

function check(program: MatrixProgram): void {
  const { tile, config, a, rowSums = false } = program;
  if (!sharesEvenly(program))
    throw new Error(
      `gemm: tile ${JSON.stringify(tile)} is not of whole subgroup matrices ${JSON.stringify(config)}, or too small for ${matrixInvocations(program)} invocations`,
    );
  if (rowSums && a.along !== 'rows') throw new Error('gemm: row sums need A along its rows');
}

/** Bring one matrix of sums to the epilogue. */
function finish(i: number, j: number, program: MatrixProgram): string {
  const { config, subgroups } = program;
  const { m, n } = config;
  const fours = (m * n) / 4;
  const writes = Array.from({ length: Math.ceil(fours / subgroups.size) }, (_, index) => {
    const four = `member + ${index * subgroups.size}u`;
    const entries = [0, 1, 2, 3].map((entry) => `finished[subgroup][(${four}) * 4u + ${entry}u]`);
    return `${fours < subgroups.size ? `if (member < ${fours}u) ` : ''}{
    let sum = vec4<f32>(${entries.join(', ')});
    let column = ownColumn + ${j * n}u + (${four}) % ${n / 4}u * 4u;
    ${readColumns('column', program)}
    ${finishCells([{ row: `ownRow + ${i * m}u + (${four}) / ${n / 4}u`, column: 'column', sum: 'sum' }], 'group.z', program)}
  }`;
  });
  return `storeC(subgroup, c${i}_${j});
  workgroupBarrier();
  ${writes.join('\n  ')}
  workgroupBarrier();
  `;
}

/** Every invocation has read the same rows of each slab, and others at other steps of k: add up, as many times as it has pieces. */
function addRowSums(a: MatrixSlabText, program: MatrixProgram): string {
  const { tile } = program;
  const invocations = matrixInvocations(program);
  const fours = tile.m / 4;
  const steps = tile.k / 4;
  const put = ({ fourRows }: { fourRows: string }, piece: number) =>
    `partialSums[${fourRows}][fourA] = rowSum${piece};`;
  return `${a.sums.map(put).join('\n  ')}
  workgroupBarrier();
  if (group.x == 0u) {
    for (var place = local; place < ${fours}u; place += ${invocations}u) {
      var total = vec4<f32>();
      for (var step = 0u; step < ${steps}u; step++) { total += partialSums[place][step]; }
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
  const { tile, config, dialect } = program;
  const { m, n, k } = config;
  const stride = lineStride({ depth: tile.k });
  if (dialect === 'subgroup-matrix')
    return {
      directives: `enable f16;\n${subgroupsHead(program.subgroups)}\nenable chromium_experimental_subgroup_matrix;`,
      functions: `alias Left = subgroup_matrix_left<f16, ${k}, ${m}>;
alias Right = subgroup_matrix_right<f16, ${n}, ${k}>;
alias Result = subgroup_matrix_result<f32, ${n}, ${m}>;
fn loadA(own: u32, at: u32) -> Left { return subgroupMatrixLoad<Left, row_major>(&slabA[own], at, ${stride}u); }
fn loadB(own: u32, at: u32) -> Right { return subgroupMatrixLoad<Right, col_major>(&slabB[own], at, ${stride}u); }
fn multiply(a: Left, b: Right, c: Result) -> Result { return subgroupMatrixMultiplyAccumulate(a, b, c); }
fn storeC(own: u32, c: Result) { subgroupMatrixStore<row_major>(&finished[own], 0u, c, ${n}u); }`,
      builtins: ', @builtin(subgroup_id) subgroupId: u32, @builtin(subgroup_invocation_id) memberId: u32',
      subgroup: 'subgroupId',
      member: 'memberId',
    };
  const load = (name: string, type: string, columns: number, rows: number, index: string) =>
    `fn ${name}(own: u32, at: u32) -> ${type} {
  var matrix = ${type}();
  for (var row = 0u; row < ${rows}u; row++) {
    for (var column = 0u; column < ${columns}u; column++) { matrix.entries[row * ${columns}u + column] = ${index}; }
  }
  return matrix;
}`;
  return {
    directives: 'enable f16;',
    functions: `struct Left { entries: array<f16, ${m * k}> }
struct Right { entries: array<f16, ${k * n}> }
struct Result { entries: array<f32, ${m * n}> }
${load('loadA', 'Left', k, m, `slabA[own][at + row * ${stride}u + column]`)}
${load('loadB', 'Right', n, k, `slabB[own][at + column * ${stride}u + row]`)}
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
fn storeC(own: u32, c: Result) {
  for (var i = 0u; i < ${m * n}u; i++) { finished[own][i] = c.entries[i]; }
}`,
    builtins: '',
    subgroup: 'local',
    member: '0u',
  };
}
