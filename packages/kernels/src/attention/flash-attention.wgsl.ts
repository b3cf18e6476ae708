import type { Precision } from '../half/half.js';
import { type Subgroups, subgroupsAttribute, subgroupsHead } from '../webgpu/subgroups.js';

/**
 * Flash attention in WGSL (Dao et al. 2022; the backward pass as in Dao 2023, section 3): softmax(Q Kᵀ / √d) V
 * without a [token, token] matrix in memory.
 *
 * A workgroup owns a tile of rows (queries of one head; keys for dK and dV) and walks over tiles of columns.
 * Scores live in registers, a block to an invocation. Forward, the softmax is kept as a running maximum
 * and a running sum per row, and what was summed before is scaled down when the maximum grows. Backward, the
 * scores are computed again, and exp(score - logSum) is the probability at once. dQ has a kernel of its own,
 * whose rows are queries, and dK with dV another, whose rows are keys: nobody adds to anybody else's sums, so
 * there are no atomics, and the same input gives the same bits.
 *
 * What the layout is for, on a GPU:
 * - Tokens lie in workgroup memory as they do in memory, d contiguous, read vec4. Scores are dot products along
 *   d, and sums over columns are rows of the same tile times a weight, so that no tile is ever transposed.
 * - A block of r x c scores takes r + c reads of workgroup memory for 4 r c multiply-adds.
 * - An odd number of vec4 to a token sends neighbouring tokens to different banks.
 * - An invocation's rows are `ty + i * down` and its columns `tx + i * across`: neighbours read neighbouring tokens.
 * - Weights (probabilities, or dS) cross from the invocations that made them to those that sum with them in
 *   workgroup memory, four rows of an invocation as one vec4.
 * - One tile in workgroup memory takes keys and values in turn. The next is read from memory into registers while
 *   this one is multiplied. Reads are not guarded, not even those past the last tile, which would make each wait
 *   at the end of its branch: tokens past the end are read as the last one.
 * - Columns past the end start their scores at `LOWEST`, which makes their weights zero, and are left out of sums.
 * - Row sums stay with the invocation whose columns they are from, and meet once at the end; only the maximum
 *   is exchanged at each tile.
 */

/** How a workgroup shares its scores out. */
export interface FlashTile {
  /** The block of scores in an invocation's registers. */
  readonly threadRows: number;
  readonly threadColumns: number;
  /** Invocations along the rows, and along the columns. */
  readonly down: number;
  readonly across: number;
  /**
   * For GPUs: the next tile is read from memory into registers while this one is multiplied, and sums take four
   * columns at a time. Compilers of software adapters would take minutes.
   */
  readonly pipelined: boolean;
}

export interface FlashProgram {
  /** Width of a head. */
  readonly dim: number;
  readonly tile: FlashTile;
  /** How qkv, out and their gradients lie in memory, and in workgroup memory. Everything else is float32. */
  readonly precision: Precision;
  /** Where the `across` invocations of a row are always in one subgroup, and meet there. */
  readonly subgroups?: Subgroups;
}

export type FlashKernel = 'forward' | 'query gradient' | 'key and value gradient';

/** Scores of a workgroup, and its invocations. */
export function flashExtent({ threadRows, threadColumns, down, across }: FlashTile): {
  rows: number;
  columns: number;
  invocations: number;
} {
  return { rows: threadRows * down, columns: threadColumns * across, invocations: down * across };
}

/** Workgroup memory of a kernel in bytes. */
export function flashWorkgroupBytes(kernel: FlashKernel, program: FlashProgram): number {
  const { precision, subgroups } = program;
  const { rows, columns, stride, weights, exchanged } = layout(program);
  const token = stride * (precision === 'f32' ? 16 : 8);
  const tokens = (kernel === 'forward' ? 1 : 2) * rows + columns;
  const exchange = subgroups !== undefined || kernel === 'key and value gradient' ? 0 : exchanged;
  return tokens * token + (weights + exchange) * 16;
}

/**
 * out = softmax(Q Kᵀ / √d) V for a tile of queries.
 * Bindings: qkv [batch, token, 3 * width], out [batch, token, width], logSum [batch, head, token], to base 2;
 * uniform (tokens, heads). Workgroups: [tiles of tokens, heads, batch].
 */
export function flashForwardWgsl(program: FlashProgram): string {
  const { rows, columns, groups, quads } = layout(program);
  const { threadRows, threadColumns } = program.tile;
  const next = fetched('next', columns, program);
  return `${head(program, ['<storage, read> qkv: PACKED', '<storage, read_write> out: PACKED', '<storage, read_write> logSum: array<f32>'])}
${tokensOf('queries', rows, program)}
${tokensOf('tile', columns, program)}
${weightsOf(program)}
${exchangeOf(program)}
${readFour('qkv', program)}
${writeFour('out', program)}

${main(program)}
  ${load('queries', rows, 'qkv', 0, 'firstRow', program)}
  ${each(quads, (q) => `var top${q} = vec4<f32>(LOWEST); var sum${q} = vec4<f32>();`)}
  ${accumulators('o', program)}
  ${next.declare}
  ${next.fetch('qkv', 1, '0u')}
  for (var first = 0u; first < shape.tokens; first += ${columns}u) {
    ${next.store('tile', 'qkv', 1, 'first')}
    workgroupBarrier();
    ${next.fetch('qkv', 2, 'first')}
    ${masks(program)}
    ${scores('s', 'queries', 'tile', (_r, c) => `mask${c}`, program)}
    ${each(quads, (q) => {
      const most = (r: number) =>
        r < threadRows ? maximum(Array.from({ length: threadColumns }, (_, c) => `s${r}_${c}`)) : 'LOWEST';
      return `var newTop${q} = max(top${q}, ${quad(q, most)});`;
    })}
    ${exchange('newTop', 'max', program)}
    ${program.subgroups === undefined ? '' : 'workgroupBarrier();'}
    ${each(quads, (q) => `let shrink${q} = exp2((top${q} - newTop${q}) * SCALE_LOG2E); top${q} = newTop${q}; sum${q} *= shrink${q};`)}
    ${each(threadColumns, (c) =>
      each(quads, (q) => {
        const weight = `p${c}_${q}`;
        const put = `let ${weight} = ${quad(q, (r) => (r < threadRows ? `exp2((s${r}_${c} - ${rowOf('top', r)}) * SCALE_LOG2E)` : '0.0'))};`;
        return `${put} sum${q} += ${weight}; ${weightAt(q, c, program)} = ${weight};`;
      }),
    )}
    ${each(threadRows, (r) => each(groups, (g) => `o${r}_${g} *= ${rowOf('shrink', r)};`))}
    ${next.store('tile', 'qkv', 2, 'first')}
    ${next.fetch('qkv', 1, `first + ${columns}u`)}
    workgroupBarrier();
    ${sumColumns('o', 'tile', program)}
    workgroupBarrier();
  }
  ${exchange('sum', 'sum', program)}
  ${each(threadRows, (r) => {
    const { down, across } = program.tile;
    return `{
    let token = firstRow + ty + ${r * down}u;
    if (token < shape.tokens) {
      ${each(groups, (g) => `writeFour(${placeOf('token')}, tx + ${g * across}u, o${r}_${g} / ${rowOf('sum', r)});`)}
      if (tx == 0u) { logSum[firstSum + token] = ${rowOf('top', r)} * SCALE_LOG2E + log2(${rowOf('sum', r)}); }
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
  const { rows, columns, groups, quads } = layout(program);
  const { threadRows, threadColumns, down, across } = program.tile;
  const next = fetched('next', columns, program);
  return `${head(program, [
    '<storage, read> qkv: PACKED',
    '<storage, read> dy: PACKED',
    '<storage, read> out: PACKED',
    '<storage, read> logSum: array<f32>',
    '<storage, read_write> dqkv: PACKED',
    '<storage, read_write> delta: array<f32>',
  ])}
${tokensOf('queries', rows, program)}
${tokensOf('slopes', rows, program)}
${tokensOf('tile', columns, program)}
${weightsOf(program)}
${exchangeOf(program)}
${readFour('qkv', program)}
${readFour('dy', program)}
${readFour('out', program)}
${writeFour('dqkv', program)}

${main(program)}
  ${load('queries', rows, 'qkv', 0, 'firstRow', program)}
  ${load('slopes', rows, 'dy', 0, 'firstRow', program)}
  ${next.declare}
  ${next.fetch('qkv', 2, '0u')}
  ${each(quads, (q) => `var lost${q} = vec4<f32>();`)}
  ${each(threadRows, (r) => {
    const part = (g: number) => {
      const d = `tx + ${g * across}u`;
      const product = `dot(vec4<f32>(read_dy(place, ${d})), vec4<f32>(read_out(place, ${d})))`;
      return `${rowOf('lost', r)} += ${isShared(g, program) ? `select(0.0, ${product}, ${d} < ${vectors(program.dim)}u)` : product};`;
    };
    return `{ let place = ${placeOf(`min(firstRow + ty + ${r * down}u, last)`)}; ${each(groups, part)} }`;
  })}
  ${exchange('lost', 'sum', program)}
  ${each(threadRows, (r) => {
    const token = `firstRow + ty + ${r * down}u`;
    return `let sum${r} = logSum[firstSum + min(${token}, last)];
    if (tx == 0u && ${token} < shape.tokens) { delta[firstSum + ${token}] = ${rowOf('lost', r)}; }`;
  })}
  ${accumulators('dq', program)}
  for (var first = 0u; first < shape.tokens; first += ${columns}u) {
    ${next.store('tile', 'qkv', 2, 'first')}
    workgroupBarrier();
    ${next.fetch('qkv', 1, 'first')}
    ${scores('dp', 'slopes', 'tile', (r) => `-${rowOf('lost', r)}`, program)}
    workgroupBarrier();
    ${next.store('tile', 'qkv', 1, 'first')}
    workgroupBarrier();
    ${next.fetch('qkv', 2, `first + ${columns}u`)}
    ${masks(program)}
    ${scores('s', 'queries', 'tile', (_r, c) => `mask${c}`, program)}
    ${each(threadColumns, (c) =>
      each(quads, (q) => {
        const ds = (r: number) =>
          r < threadRows ? `exp2(s${r}_${c} * SCALE_LOG2E - sum${r}) * dp${r}_${c}` : '0.0';
        return `${weightAt(q, c, program)} = ${quad(q, ds)};`;
      }),
    )}
    workgroupBarrier();
    ${sumColumns('dq', 'tile', program)}
    workgroupBarrier();
  }
  ${writeRows('dq', 0, 'SCALE', program)}
}
`;
}

/**
 * dK and dV of a tile of keys, into their thirds of dqkv. Here queries are the columns.
 * Bindings: qkv, dy, logSum, delta, dqkv, uniform. Workgroups as forward.
 */
export function flashKeyValueGradientWgsl(program: FlashProgram): string {
  const { rows, columns, quads } = layout(program);
  const { threadRows, threadColumns, across } = program.tile;
  const next = fetched('next', columns, program);
  const putWeights = (name: string) =>
    each(threadColumns, (c) =>
      each(
        quads,
        (q) =>
          `${weightAt(q, c, program)} = ${quad(q, (r) => (r < threadRows ? `${name}${r}_${c}` : '0.0'))};`,
      ),
    );
  const eachScore = (text: (r: number, c: number) => string) =>
    each(threadRows, (r) => each(threadColumns, (c) => text(r, c)));
  return `${head(program, [
    '<storage, read> qkv: PACKED',
    '<storage, read> dy: PACKED',
    '<storage, read> logSum: array<f32>',
    '<storage, read> delta: array<f32>',
    '<storage, read_write> dqkv: PACKED',
  ])}
${tokensOf('keys', rows, program)}
${tokensOf('values', rows, program)}
${tokensOf('tile', columns, program)}
${weightsOf(program)}
${readFour('qkv', program)}
${readFour('dy', program)}
${writeFour('dqkv', program)}

${main(program)}
  ${load('keys', rows, 'qkv', 1, 'firstRow', program)}
  ${load('values', rows, 'qkv', 2, 'firstRow', program)}
  ${accumulators('dk', program)}
  ${accumulators('dv', program)}
  ${next.declare}
  ${next.fetch('qkv', 0, '0u')}
  for (var first = 0u; first < shape.tokens; first += ${columns}u) {
    ${next.store('tile', 'qkv', 0, 'first')}
    ${each(
      threadColumns,
      (c) => `let sumAt${c} = firstSum + min(first + tx + ${c * across}u, last);
    let sum${c} = logSum[sumAt${c}]; let lost${c} = delta[sumAt${c}];`,
    )}
    workgroupBarrier();
    ${next.fetch('dy', 0, 'first')}
    ${masks(program)}
    ${scores('s', 'keys', 'tile', (_r, c) => `mask${c}`, program)}
    ${eachScore((r, c) => `let p${r}_${c} = exp2(s${r}_${c} * SCALE_LOG2E - sum${c});`)}
    ${putWeights('p')}
    workgroupBarrier();
    ${next.store('tile', 'dy', 0, 'first')}
    workgroupBarrier();
    ${next.fetch('qkv', 0, 'first')}
    ${scores('dp', 'values', 'tile', (_r, c) => `-lost${c}`, program)}
    ${sumColumns('dv', 'tile', program)}
    workgroupBarrier();
    ${eachScore((r, c) => `let ds${r}_${c} = p${r}_${c} * dp${r}_${c};`)}
    ${putWeights('ds')}
    ${next.store('tile', 'qkv', 0, 'first')}
    workgroupBarrier();
    ${next.fetch('qkv', 0, `first + ${columns}u`)}
    ${sumColumns('dk', 'tile', program)}
    workgroupBarrier();
  }
  ${writeRows('dk', 1, 'SCALE', program)}
  ${writeRows('dv', 2, '1.0', program)}
}
`;
}

/** vec4s of a token. */
function vectors(dim: number): number {
  return Math.ceil(dim / 4);
}

/** Everything that follows from a program. Sizes of workgroup memory are in vec4. */
function layout({ dim, tile }: FlashProgram) {
  const { rows, columns, invocations } = flashExtent(tile);
  const { threadRows, down, across } = tile;
  const quads = Math.ceil(threadRows / 4);
  return {
    rows,
    columns,
    invocations,
    /** Of a token in workgroup memory; odd, for the banks. */
    stride: vectors(dim) | 1,
    /** vec4s of a summed row that an invocation keeps. */
    groups: Math.ceil(vectors(dim) / across),
    /** Fours of rows of an invocation. */
    quads,
    /** Of a row of weights. */
    weightStride: columns | 1,
    weights: quads * down * (columns | 1),
    exchanged: quads * across * (down | 1),
  };
}

function isVector({ dim }: FlashProgram): boolean {
  return dim % 4 === 0;
}

/** Do some invocations have no vec4 in this group? */
function isShared(group: number, { dim, tile }: FlashProgram): boolean {
  return (group + 1) * tile.across > vectors(dim);
}

function head(program: FlashProgram, bindings: readonly string[]): string {
  const { dim, precision, subgroups } = program;
  const packed = isVector(program) ? `array<vec4<${precision}>>` : `array<${precision}>`;
  const declarations = [...bindings, '<uniform> shape: Shape'].map(
    (binding, index) => `@group(0) @binding(${index}) var${binding.replace('PACKED', packed)};`,
  );
  return `${precision === 'f16' ? 'enable f16;' : ''}${subgroups === undefined ? '' : subgroupsHead(subgroups)}
struct Shape { tokens: u32, heads: u32 }
${declarations.join('\n')}
const SCALE = ${1 / Math.sqrt(dim)};
const SCALE_LOG2E = ${Math.LOG2E / Math.sqrt(dim)};
const LOWEST = -3.0e38;`;
}

/** The start of every kernel: where this invocation is, and where its workgroup's rows begin. */
function main(program: FlashProgram): string {
  const { rows, invocations } = layout(program);
  const { across } = program.tile;
  const { lanes } = shareOfLoads(program);
  const unit = isVector(program) ? vectors(program.dim) : program.dim;
  const { subgroups } = program;
  const place =
    subgroups === undefined
      ? '@builtin(local_invocation_index) local: u32) {'
      : `@builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32) {
  // The bound, which it keeps anyway, tells compilers that no index below needs to be checked.
  let local = min(subgroup * ${subgroups.size}u + lane, ${invocations - 1}u);`;
  return `@compute @workgroup_size(${invocations}) ${subgroups === undefined ? '' : subgroupsAttribute(subgroups)}
fn main(@builtin(workgroup_id) group: vec3<u32>, ${place}
  let tx = local % ${across}u;
  let ty = local / ${across}u;
  let firstRow = group.x * ${rows}u;
  let firstSum = (group.z * shape.heads + group.y) * shape.tokens;
  let last = shape.tokens - 1u;
  let loadToken = local / ${lanes}u;
  let loadD = local % ${lanes}u;
  let step = shape.heads * ${unit}u;
  let packedStep = 3u * step;
  let home = group.z * shape.tokens * step + group.y * ${unit}u;
  let packedHome = group.z * shape.tokens * packedStep + group.y * ${unit}u;`;
}

/** Where a token's numbers of this head begin: in out or its gradient, or, of the three parts of one, in qkv. */
function placeOf(token: string, part?: number): string {
  return part === undefined
    ? `home + (${token}) * step`
    : `packedHome + ${part}u * step + (${token}) * packedStep`;
}

/** Four numbers from a place on. */
function readFour(buffer: string, program: FlashProgram): string {
  const { dim, precision } = program;
  const signature = `fn read_${buffer}(place: u32, d: u32) -> vec4<${precision}>`;
  if (isVector(program)) return `${signature} { return ${buffer}[place + d]; }`;
  return `${signature} {
  var four = vec4<${precision}>();
  for (var i = 0u; i < 4u; i++) { if (d * 4u + i < ${dim}u) { four[i] = ${buffer}[place + d * 4u + i]; } }
  return four;
}`;
}

function writeFour(buffer: string, program: FlashProgram): string {
  const { dim, precision, tile } = program;
  const all = vectors(dim) % tile.across === 0;
  const body = isVector(program)
    ? `${all ? '' : `if (d < ${vectors(dim)}u) `}{ ${buffer}[place + d] = vec4<${precision}>(four); }`
    : `for (var i = 0u; i < 4u; i++) { if (d * 4u + i < ${dim}u) { ${buffer}[place + d * 4u + i] = ${precision}(four[i]); } }`;
  return `fn writeFour(place: u32, d: u32, four: vec4<f32>) { ${body} }`;
}

/** Workgroup memory for `count` tokens of a head. */
function tokensOf(name: string, count: number, program: FlashProgram): string {
  return `var<workgroup> ${name}: array<vec4<${program.precision}>, ${count * layout(program).stride}>;`;
}

/**
 * How tokens are brought to workgroup memory: `lanes` neighbours read neighbouring vec4 of one token, so that as
 * many tokens as there are such groups come at once. Both divide evenly, but for the last tokens.
 */
function shareOfLoads(program: FlashProgram): { lanes: number; tokens: number; along: number } {
  const { invocations } = layout(program);
  const width = vectors(program.dim);
  let lanes = 1;
  while (lanes < 16 && width % (2 * lanes) === 0 && invocations % (2 * lanes) === 0) lanes *= 2;
  return { lanes, tokens: invocations / lanes, along: width / lanes };
}

/** The vec4 that each invocation brings of `count` tokens: where from, where to. */
function shareOf(count: number, program: FlashProgram): { token: string; d: string; condition: string }[] {
  const { lanes, tokens, along } = shareOfLoads(program);
  return Array.from({ length: Math.ceil(count / tokens) }, (_, i) => {
    const token = i === 0 ? 'loadToken' : `loadToken + ${i * tokens}u`;
    const condition = (i + 1) * tokens > count ? `if (${token} < ${count}u) ` : '';
    return Array.from({ length: along }, (_, j) => ({
      ...{ token, condition },
      d: j === 0 ? 'loadD' : `loadD + ${j * lanes}u`,
    }));
  }).flat();
}

/** More vec4 than this are not fetched ahead into registers. */
const MOST_FETCHED = 12;

/** vec4 of the next tile of columns that an invocation keeps in registers. */
export function flashFetched(program: FlashProgram): number {
  const share = shareOf(layout(program).columns, program).length;
  return isFetched(share, program) ? share : 0;
}

function isFetched(share: number, { tile }: FlashProgram): boolean {
  return tile.pipelined && share <= MOST_FETCHED;
}

/** Bring `count` tokens of a head to workgroup memory, those past the end as the last one. */
function load(
  name: string,
  count: number,
  buffer: string,
  part: number,
  first: string,
  program: FlashProgram,
): string {
  const { store, fetch, declare } = fetched(`of_${name}`, count, program);
  return `${declare}${fetch(buffer, part, first)}${store(name, buffer, part, first)}`;
}

/** The same in two parts, with registers between. Where there are too many, all of it is done in the second part. */
function fetched(name: string, count: number, program: FlashProgram) {
  const share = shareOf(count, program);
  const { stride, invocations } = layout(program);
  const read = (buffer: string, part: number, token: string, d: string) =>
    `read_${buffer}(${placeOf(`min(${token}, last)`, buffer === 'qkv' ? part : undefined)}, ${d})`;
  if (!isFetched(share.length, program)) {
    const width = vectors(program.dim);
    return {
      declare: '',
      fetch: () => '',
      store: (tile: string, buffer: string, part: number, first: string) =>
        `for (var i = local; i < ${count * width}u; i += ${invocations}u) {
      ${tile}[i / ${width}u * ${stride}u + i % ${width}u] = ${read(buffer, part, `${first} + i / ${width}u`, `i % ${width}u`)};
    }`,
    };
  }
  return {
    declare: share.map((_, i) => `var ${name}${i} = vec4<${program.precision}>();`).join(' '),
    fetch: (buffer: string, part: number, first: string) =>
      share
        .map(({ token, d }, i) => `${name}${i} = ${read(buffer, part, `${first} + ${token}`, d)};`)
        .join('\n    '),
    store: (tile: string, _buffer: string, _part: number, _first: string) =>
      share
        .map(
          ({ token, d, condition }, i) =>
            `${condition}{ ${tile}[(${token}) * ${stride}u + ${d}] = ${name}${i}; }`,
        )
        .join('\n    '),
  };
}

/** What the scores of a column begin with: `mask`0 …. Past the end, so low that no product brings them back. */
function masks({ tile }: FlashProgram): string {
  return each(
    tile.threadColumns,
    (c) => `let mask${c} = select(LOWEST, 0.0, first + tx + ${c * tile.across}u < shape.tokens);`,
  );
}

/** `result`ROW_COLUMN: dot products of the invocation's rows with each of its columns, plus what they start with. */
function scores(
  result: string,
  rows: string,
  columns: string,
  start: (row: number, column: number) => string,
  program: FlashProgram,
): string {
  const { threadRows, threadColumns, down, across } = program.tile;
  const { stride } = layout(program);
  const block = (text: (r: number, c: number) => string) =>
    each(threadRows, (r) => each(threadColumns, (c) => text(r, c)));
  return `${block((r, c) => `var ${result}${r}_${c} = ${start(r, c)};`)}
    for (var d = 0u; d < ${vectors(program.dim)}u; d++) {
      ${each(threadColumns, (c) => `let column${c} = vec4<f32>(${columns}[(tx + ${c * across}u) * ${stride}u + d]);`)}
      ${each(threadRows, (r) => `let row${r} = vec4<f32>(${rows}[(ty + ${r * down}u) * ${stride}u + d]);`)}
      ${[...'xyzw'].map((i) => block((r, c) => `${result}${r}_${c} = fma(row${r}.${i}, column${c}.${i}, ${result}${r}_${c});`)).join('\n      ')}
    }`;
}

function weightsOf(program: FlashProgram): string {
  return `var<workgroup> weights: array<vec4<f32>, ${layout(program).weights}>;`;
}

/** Where the weights of four rows of this invocation with one of its columns go. */
function weightAt(q: number, c: number, program: FlashProgram): string {
  const { down, across } = program.tile;
  return `weights[(ty + ${q * down}u) * ${layout(program).weightStride}u + tx + ${c * across}u]`;
}

/** Columns that are summed in one turn of the loop, where a tile has a multiple of them. */
const SUMMED = 4;

/** `result`ROW_GROUP += the weights of the invocation's rows times the tokens in `columns`. */
function sumColumns(result: string, columns: string, program: FlashProgram): string {
  const { dim, tile } = program;
  const { groups, quads, stride, weightStride, columns: most } = layout(program);
  const { threadRows, across, down } = tile;
  const at = (g: number) => {
    const place = `tx + ${g * across}u`;
    return isShared(g, program) ? `min(${place}, ${vectors(dim) - 1}u)` : place;
  };
  const turn = (u: number) => `
      ${each(quads, (q) => `let weight${u}_${q} = weights[(ty + ${q * down}u) * ${weightStride}u + column + ${u}u];`)}
      ${each(groups, (g) => `let four${u}_${g} = vec4<f32>(${columns}[(column + ${u}u) * ${stride}u + ${at(g)}]);`)}
      ${each(threadRows, (r) => each(groups, (g) => `${result}${r}_${g} = fma(vec4<f32>(${rowOf(`weight${u}_`, r)}), four${u}_${g}, ${result}${r}_${g});`))}`;
  const turns = tile.pipelined && most % SUMMED === 0 ? SUMMED : 1;
  return `for (var run = 0u; run < ${most / turns}u; run++) {
      let column = run * ${turns}u;
      if (first + column >= shape.tokens) { break; }${each(turns, turn)}
    }`;
}

/** Four numbers of each row and group, zero. */
function accumulators(name: string, program: FlashProgram): string {
  const { groups } = layout(program);
  return each(program.tile.threadRows, (r) => each(groups, (g) => `var ${name}${r}_${g} = vec4<f32>();`));
}

function exchangeOf(program: FlashProgram): string {
  return program.subgroups ? '' : `var<workgroup> exchanged: array<vec4<f32>, ${layout(program).exchanged}>;`;
}

/** `value`0 …, four rows each, become the sum or the maximum over the invocations of a row. Without subgroups, one barrier. */
function exchange(value: string, combine: 'sum' | 'max', program: FlashProgram): string {
  const { down, across } = program.tile;
  const { quads } = layout(program);
  const both = (a: string, b: string) => (combine === 'sum' ? `${a} + ${b}` : `max(${a}, ${b})`);
  if (program.subgroups !== undefined)
    return each(Math.log2(across), (step) =>
      each(
        quads,
        (q) => `${value}${q} = ${both(`${value}${q}`, `subgroupShuffleXor(${value}${q}, ${2 ** step}u)`)};`,
      ),
    );
  const at = (q: number, lane: string) => `exchanged[(${lane} + ${q * across}u) * ${down | 1}u + ty]`;
  return `${each(quads, (q) => `${at(q, 'tx')} = ${value}${q};`)}
    workgroupBarrier();
    ${each(quads, (q) => `${value}${q} = ${at(q, '0u')};`)}
    for (var lane = 1u; lane < ${across}u; lane++) { ${each(quads, (q) => `${value}${q} = ${both(`${value}${q}`, at(q, 'lane'))};`)} }`;
}

/** Write summed rows times a factor to their third of dqkv. */
function writeRows(name: string, part: number, factor: string, program: FlashProgram): string {
  const { threadRows, down, across } = program.tile;
  return each(
    threadRows,
    (r) => `{
    let token = firstRow + ty + ${r * down}u;
    if (token < shape.tokens) {
      let place = ${placeOf('token', part)};
      ${each(layout(program).groups, (g) => `writeFour(place, tx + ${g * across}u, ${name}${r}_${g} * ${factor});`)}
    }
  }`,
  );
}

/** A row's number in a row of vec4. */
function rowOf(name: string, row: number): string {
  return `${name}${Math.floor(row / 4)}.${'xyzw'[row % 4]}`;
}

/** The numbers of the four rows of `q`. */
function quad(q: number, text: (row: number) => string): string {
  return `vec4<f32>(${[0, 1, 2, 3].map((i) => text(4 * q + i)).join(', ')})`;
}

function maximum(values: readonly string[]): string {
  return values.reduce((a, b) => `max(${a}, ${b})`);
}

function each(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('');
}
