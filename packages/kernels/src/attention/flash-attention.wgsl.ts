import type { Precision } from '../half/half.js';

/**
 * Flash attention in WGSL (Dao et al. 2022; the backward pass as in Dao 2023, section 3): softmax(Q Kᵀ / √d) V
 * without a [token, token] matrix in memory.
 *
 * A workgroup owns a tile of rows (queries of one head; keys for dK and dV) and walks over tiles of columns.
 * Scores live in registers, a 4 x 4 block to an invocation. Forward, the softmax is kept as a running maximum
 * and a running sum per row, and what was summed before is scaled down when the maximum grows. Backward, the
 * scores are computed again, and exp(score - logSum) is the probability at once. dQ has a kernel of its own,
 * whose rows are queries, and dK with dV another, whose rows are keys: nobody adds to anybody else's sums, so
 * there are no atomics, and the same input gives the same bits.
 *
 * What the layout is for, on a GPU:
 * - Tokens lie in workgroup memory as they do in memory, d contiguous, read vec4. Scores are dot products along
 *   d, and sums over columns are rows of the same tile times a weight, so that no tile is ever transposed.
 * - An odd number of vec4 to a token sends neighbouring tokens to different banks.
 * - An invocation's rows are `ty + i * TY` and its columns `tx + i * TX`: neighbours read neighbouring tokens.
 * - Weights (probabilities, or dS) cross from the invocations that made them to those that sum with them in
 *   workgroup memory, the four rows of an invocation as one vec4.
 * - Row sums stay with the invocation whose columns they are from, and meet once at the end; only the maximum
 *   is exchanged at each tile.
 * Scores take 8 vec4 reads of workgroup memory for 64 multiply-adds, sums 1 + d / columns for 16 d / columns:
 * workgroup memory is the limit, at about half of the device's arithmetic. In a ViT at 197 tokens attention is
 * 6 % of the multiply-adds, and never reads or writes a score.
 */

/** What a workgroup holds: 4 x 4 scores for each of its (rows / 4) * (columns / 4) invocations. */
export interface FlashTile {
  readonly rows: number;
  readonly columns: number;
}

export interface FlashProgram {
  /** Width of a head. */
  readonly dim: number;
  readonly tile: FlashTile;
  /** How qkv, out and their gradients lie in memory. Everything else is float32. */
  readonly precision: Precision;
}

/** Workgroup memory in bytes of the backward kernels; the forward one takes less. */
export function flashWorkgroupBytes({ dim, tile: { rows, columns }, precision }: FlashProgram): number {
  const token = stride(dim) * (precision === 'f32' ? 16 : 8);
  return (2 * rows + columns) * token + rows * columns * 4 + rows * 4;
}

/**
 * out = softmax(Q Kᵀ / √d) V for a tile of queries.
 * Bindings: qkv [batch, token, 3 * width], out [batch, token, width], logSum [batch, head, token],
 * uniform (tokens, heads). Workgroups: [tiles of tokens, heads, batch].
 */
export function flashForwardWgsl(program: FlashProgram): string {
  const { dim, tile, precision } = program;
  const { groups, ty, tx } = shares(program);
  return `${head(program, ['<storage, read> qkv: PACKED', '<storage, read_write> out: PACKED', '<storage, read_write> logSum: array<f32>'])}
var<workgroup> queries: array<vec4<${precision}>, ${tile.rows * stride(dim)}>;
var<workgroup> keys: array<vec4<${precision}>, ${tile.columns * stride(dim)}>;
var<workgroup> weights: array<vec4<f32>, ${ty * tile.columns}>;
var<workgroup> shared4: array<vec4<f32>, ${ty * tx}>;
${readFour('qkv', program)}
${writeFour('out', program)}

${main(program)}
  ${load('queries', 'qkv', tile.rows, 'firstRow', '0u', program)}
  var top = vec4<f32>(LOWEST);
  var sum = vec4<f32>();
  ${accumulators('o', groups)}
  for (var first = 0u; first < shape.tokens; first += ${tile.columns}u) {
    ${load('keys', 'qkv', tile.columns, 'first', 'width', program)}
    workgroupBarrier();
    ${scores('s', 'queries', 'keys', program)}
    ${each(4, (c) => `s${c} = select(vec4<f32>(LOWEST), s${c} * SCALE_LOG2E, first + tx + ${c * tx}u < shape.tokens);`)}
    shared4[local] = max(max(s0, s1), max(s2, s3));
    workgroupBarrier();
    var newTop = top;
    for (var i = 0u; i < ${tx}u; i++) { newTop = max(newTop, shared4[ty * ${tx}u + i]); }
    let shrink = exp2(top - newTop);
    top = newTop;
    sum *= shrink;
    ${each(4, (c) => `{ let p = exp2(s${c} - top); sum += p; weights[ty * ${tile.columns}u + tx + ${c * tx}u] = p; }`)}
    ${each(4, (r) => each(groups, (g) => `o${r}_${g} *= shrink.${'xyzw'[r]};`))}
    ${load('keys', 'qkv', tile.columns, 'first', '2u * width', program)}
    workgroupBarrier();
    ${sumColumns('o', 'keys', program)}
    workgroupBarrier();
  }
  shared4[local] = sum;
  workgroupBarrier();
  var total = vec4<f32>();
  for (var i = 0u; i < ${tx}u; i++) { total += shared4[ty * ${tx}u + i]; }
  ${each(4, (r) => {
    const lane = 'xyzw'[r];
    return `{
    let token = firstRow + ty + ${r * ty}u;
    if (token < shape.tokens) {
      let at = (group.z * shape.tokens + token) * width + group.y * ${dim}u;
      ${each(groups, (g) => `writeFour(at, tx + ${g * tx}u, o${r}_${g} / total.${lane});`)}
      if (tx == 0u) { logSum[firstSum + token] = (top.${lane} + log2(total.${lane})) / LOG2E; }
    }
  }`;
  })}
}
`;
}

/**
 * dQ of a tile of queries, into its third of dqkv; and the row sums of dO ∘ O, which dK will want.
 * Bindings: qkv, dy, out, logSum, dqkv, delta [batch, head, token], uniform. Workgroups as forward.
 */
export function flashQueryGradientWgsl(program: FlashProgram): string {
  const { dim, tile, precision } = program;
  const { groups, ty, tx } = shares(program);
  return `${head(program, [
    '<storage, read> qkv: PACKED',
    '<storage, read> dy: PACKED',
    '<storage, read> out: PACKED',
    '<storage, read> logSum: array<f32>',
    '<storage, read_write> dqkv: PACKED',
    '<storage, read_write> delta: array<f32>',
  ])}
var<workgroup> queries: array<vec4<${precision}>, ${tile.rows * stride(dim)}>;
var<workgroup> slopes: array<vec4<${precision}>, ${tile.rows * stride(dim)}>;
var<workgroup> keys: array<vec4<${precision}>, ${tile.columns * stride(dim)}>;
var<workgroup> weights: array<vec4<f32>, ${ty * tile.columns}>;
var<workgroup> deltas: array<f32, ${tile.rows}>;
${readFour('qkv', program)}
${readFour('dy', program)}
${readFour('out', program)}
${writeFour('dqkv', program)}

${main(program)}
  ${load('queries', 'qkv', tile.rows, 'firstRow', '0u', program)}
  ${load('slopes', 'dy', tile.rows, 'firstRow', '0u', program)}
  workgroupBarrier();
  for (var row = local; row < ${tile.rows}u; row += ${ty * tx}u) {
    var total = 0.0;
    let token = firstRow + row;
    if (token < shape.tokens) {
      let at = (group.z * shape.tokens + token) * width + group.y * ${dim}u;
      for (var d = 0u; d < ${vectors(dim)}u; d++) {
        total += dot(vec4<f32>(slopes[row * ${stride(dim)}u + d]), vec4<f32>(read_out(at, d)));
      }
      delta[firstSum + token] = total;
    }
    deltas[row] = total;
  }
  workgroupBarrier();
  let sums = ${rowsOf((r) => sumAt('logSum', `firstRow + ty + ${r * ty}u`))} * LOG2E;
  let lost = ${rowsOf((r) => `deltas[ty + ${r * ty}u]`)};
  ${accumulators('dq', groups)}
  for (var first = 0u; first < shape.tokens; first += ${tile.columns}u) {
    ${load('keys', 'qkv', tile.columns, 'first', '2u * width', program)}
    workgroupBarrier();
    ${scores('dp', 'slopes', 'keys', program)}
    workgroupBarrier();
    ${load('keys', 'qkv', tile.columns, 'first', 'width', program)}
    workgroupBarrier();
    ${scores('s', 'queries', 'keys', program)}
    ${each(4, (c) => {
      const ds = `exp2(s${c} * SCALE_LOG2E - sums) * (dp${c} - lost) * SCALE`;
      return `weights[ty * ${tile.columns}u + tx + ${c * tx}u] = select(vec4<f32>(), ${ds}, first + tx + ${c * tx}u < shape.tokens);`;
    })}
    workgroupBarrier();
    ${sumColumns('dq', 'keys', program)}
    workgroupBarrier();
  }
  ${writeRows('dq', '0u', program)}
}
`;
}

/**
 * dK and dV of a tile of keys, into their thirds of dqkv. Here queries are the columns.
 * Bindings: qkv, dy, logSum, delta, dqkv, uniform. Workgroups as forward.
 */
export function flashKeyValueGradientWgsl(program: FlashProgram): string {
  const { dim, tile, precision } = program;
  const { groups, ty, tx } = shares(program);
  return `${head(program, [
    '<storage, read> qkv: PACKED',
    '<storage, read> dy: PACKED',
    '<storage, read> logSum: array<f32>',
    '<storage, read> delta: array<f32>',
    '<storage, read_write> dqkv: PACKED',
  ])}
var<workgroup> keys: array<vec4<${precision}>, ${tile.rows * stride(dim)}>;
var<workgroup> values: array<vec4<${precision}>, ${tile.rows * stride(dim)}>;
var<workgroup> queries: array<vec4<${precision}>, ${tile.columns * stride(dim)}>;
var<workgroup> weights: array<vec4<f32>, ${ty * tile.columns}>;
${readFour('qkv', program)}
${readFour('dy', program)}
${writeFour('dqkv', program)}

${main(program)}
  ${load('keys', 'qkv', tile.rows, 'firstRow', 'width', program)}
  ${load('values', 'qkv', tile.rows, 'firstRow', '2u * width', program)}
  ${accumulators('dk', groups)}
  ${accumulators('dv', groups)}
  for (var first = 0u; first < shape.tokens; first += ${tile.columns}u) {
    ${load('queries', 'qkv', tile.columns, 'first', '0u', program)}
    workgroupBarrier();
    ${scores('s', 'keys', 'queries', program)}
    ${each(4, (c) => {
      const token = `first + tx + ${c * tx}u`;
      const p = `exp2(s${c} * SCALE_LOG2E - ${sumAt('logSum', token)} * LOG2E)`;
      return `let p${c} = select(vec4<f32>(), ${p}, ${token} < shape.tokens); weights[ty * ${tile.columns}u + tx + ${c * tx}u] = p${c};`;
    })}
    workgroupBarrier();
    ${load('queries', 'dy', tile.columns, 'first', '0u', program)}
    workgroupBarrier();
    ${scores('dp', 'values', 'queries', program)}
    ${sumColumns('dv', 'queries', program)}
    workgroupBarrier();
    ${each(4, (c) => {
      const token = `first + tx + ${c * tx}u`;
      return `weights[ty * ${tile.columns}u + tx + ${c * tx}u] = p${c} * (dp${c} - ${sumAt('delta', token)}) * SCALE;`;
    })}
    ${load('queries', 'qkv', tile.columns, 'first', '0u', program)}
    workgroupBarrier();
    ${sumColumns('dk', 'queries', program)}
    workgroupBarrier();
  }
  ${writeRows('dk', 'width', program)}
  ${writeRows('dv', '2u * width', program)}
}
`;
}

/** vec4s of a token. */
function vectors(dim: number): number {
  return Math.ceil(dim / 4);
}

/** From one token to the next in workgroup memory, in vec4: odd, for the banks. */
function stride(dim: number): number {
  return vectors(dim) | 1;
}

/** The grid of invocations, and how many vec4 of a summed row each of them keeps. */
function shares({ dim, tile }: FlashProgram): { ty: number; tx: number; groups: number } {
  const tx = tile.columns / 4;
  return { ty: tile.rows / 4, tx, groups: Math.ceil(vectors(dim) / tx) };
}

function isVector({ dim }: FlashProgram): boolean {
  return dim % 4 === 0;
}

function head(program: FlashProgram, bindings: readonly string[]): string {
  const { dim, precision } = program;
  const packed = isVector(program) ? `array<vec4<${precision}>>` : `array<${precision}>`;
  const declarations = [...bindings, '<uniform> shape: Shape'].map(
    (binding, index) => `@group(0) @binding(${index}) var${binding.replace('PACKED', packed)};`,
  );
  return `${precision === 'f16' ? 'enable f16;' : ''}
struct Shape { tokens: u32, heads: u32 }
${declarations.join('\n')}
const LOG2E = ${Math.LOG2E};
const SCALE = ${1 / Math.sqrt(dim)};
const SCALE_LOG2E = SCALE * LOG2E;
const LOWEST = -3.0e38;`;
}

/** The start of every kernel: where this invocation is, and where its workgroup's rows begin. */
function main(program: FlashProgram): string {
  const { tile, dim } = program;
  const { ty, tx } = shares(program);
  return `@compute @workgroup_size(${ty * tx})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tx = local % ${tx}u;
  let ty = local / ${tx}u;
  let width = shape.heads * ${dim}u;
  let firstRow = group.x * ${tile.rows}u;
  let firstSum = (group.z * shape.heads + group.y) * shape.tokens;`;
}

/** Four numbers of a head's token whose first number is at `at`. */
function readFour(buffer: string, program: FlashProgram): string {
  const { dim, precision } = program;
  const signature = `fn read_${buffer}(at: u32, d: u32) -> vec4<${precision}>`;
  if (isVector(program)) return `${signature} { return ${buffer}[at / 4u + d]; }`;
  return `${signature} {
  var four = vec4<${precision}>();
  for (var i = 0u; i < 4u; i++) { if (d * 4u + i < ${dim}u) { four[i] = ${buffer}[at + d * 4u + i]; } }
  return four;
}`;
}

function writeFour(buffer: string, program: FlashProgram): string {
  const { dim, precision } = program;
  const body = isVector(program)
    ? `if (d < ${vectors(dim)}u) { ${buffer}[at / 4u + d] = vec4<${precision}>(four); }`
    : `for (var i = 0u; i < 4u; i++) { if (d * 4u + i < ${dim}u) { ${buffer}[at + d * 4u + i] = ${precision}(four[i]); } }`;
  return `fn writeFour(at: u32, d: u32, four: vec4<f32>) { ${body} }`;
}

/** Bring `count` tokens of a head to workgroup memory; those past the end are zero. */
function load(
  tile: string,
  buffer: string,
  count: number,
  first: string,
  offset: string,
  program: FlashProgram,
): string {
  const { dim, precision } = program;
  const { ty, tx } = shares(program);
  const tokenWidth = buffer === 'qkv' ? '3u * width' : 'width';
  return `for (var i = local; i < ${count * vectors(dim)}u; i += ${ty * tx}u) {
      let d = i % ${vectors(dim)}u;
      let token = ${first} + i / ${vectors(dim)}u;
      var four = vec4<${precision}>();
      if (token < shape.tokens) {
        four = read_${buffer}((group.z * shape.tokens + token) * (${tokenWidth}) + ${offset} + group.y * ${dim}u, d);
      }
      ${tile}[(i / ${vectors(dim)}u) * ${stride(dim)}u + d] = four;
    }`;
}

/** `result`0 … 3: dot products of the invocation's rows, a vec4, with each of its columns. */
function scores(result: string, rows: string, columns: string, program: FlashProgram): string {
  const { dim } = program;
  const { ty, tx } = shares(program);
  const apart = stride(dim);
  return `${each(4, (c) => `var ${result}${c} = vec4<f32>();`)}
    for (var d = 0u; d < ${vectors(dim)}u; d++) {
      ${each(4, (r) => `let row${r} = vec4<f32>(${rows}[(ty + ${r * ty}u) * ${apart}u + d]);`)}
      ${each(4, (c) => `let column${c} = vec4<f32>(${columns}[(tx + ${c * tx}u) * ${apart}u + d]);`)}
      ${each(4, (c) => `${result}${c} += ${rowsOf((r) => `dot(row${r}, column${c})`)};`)}
    }`;
}

/** `result`ROW_GROUP += the weights of the invocation's rows times the tokens in `columns`. */
function sumColumns(result: string, columns: string, program: FlashProgram): string {
  const { dim, tile } = program;
  const { groups, tx } = shares(program);
  return `for (var column = 0u; column < ${tile.columns}u; column++) {
      let weight = weights[ty * ${tile.columns}u + column];
      ${each(groups, (g) => `let four${g} = vec4<f32>(${columns}[column * ${stride(dim)}u + min(tx + ${g * tx}u, ${vectors(dim) - 1}u)]);`)}
      ${each(4, (r) => each(groups, (g) => `${result}${r}_${g} = fma(vec4<f32>(weight.${'xyzw'[r]}), four${g}, ${result}${r}_${g});`))}
    }`;
}

function accumulators(name: string, groups: number): string {
  return each(4, (r) => each(groups, (g) => `var ${name}${r}_${g} = vec4<f32>();`));
}

/** Write summed rows to their third of dqkv. */
function writeRows(name: string, offset: string, program: FlashProgram): string {
  const { dim } = program;
  const { groups, ty, tx } = shares(program);
  return each(
    4,
    (r) => `{
    let token = firstRow + ty + ${r * ty}u;
    if (token < shape.tokens) {
      let at = (group.z * shape.tokens + token) * 3u * width + ${offset} + group.y * ${dim}u;
      ${each(groups, (g) => `writeFour(at, tx + ${g * tx}u, ${name}${r}_${g});`)}
    }
  }`,
  );
}

/** A number of this token; any number where the token is past the end. */
function sumAt(buffer: string, token: string): string {
  return `${buffer}[firstSum + min(${token}, shape.tokens - 1u)]`;
}

function rowsOf(text: (row: number) => string): string {
  return `vec4<f32>(${[0, 1, 2, 3].map(text).join(', ')})`;
}

function each(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('');
}
