import {
  each,
  enable,
  type GemmOperand,
  type GemmProgram,
  gemmInvocations,
  shapeAndBindings,
  type TilelessProgram,
} from './gemm.wgsl.js';
import { type Cell, epilogueFunctions, finish, readColumns } from './gemm-epilogue.wgsl.js';

/**
 * The same products without workgroup memory, for adapters that compute on the CPU: there, workgroup memory is
 * memory like any other, a barrier costs as much as a small kernel, and what takes time is each read of a number.
 * So an invocation reads what it multiplies itself, and makes the largest block of C that it has registers for.
 * A read serves 4 to 8 multiply-adds, against one with slabs in between.
 *
 * Programs, bindings and the grid are those of gemm.wgsl.ts, with a tile whose `k` is 0. Sums are not split.
 */
export function gemmDirectWgsl(program: GemmProgram): string {
  const { tile, a, b, rowSums = false } = program;
  const across = tile.n / tile.threadN;
  const columns = tile.threadN / 4;
  const steps = a.along === 'k' || b.along === 'k' ? 4 : 1;
  return `${enable(program)}
${shapeAndBindings(program, { a: a.vector ? 4 : 1, b: b.vector ? 4 : 1 })}
${operandReads(program)}
${epilogueFunctions(program)}

@compute @workgroup_size(${gemmInvocations(tile)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let row = group.y * ${tile.m}u + local / ${across}u * ${tile.threadM}u;
  let column = group.x * ${tile.n}u + local % ${across}u * ${tile.threadN}u;
  if (row >= shape.m || column >= shape.n) { return; }
  let baseA = group.z * shape.m * shape.k;
  let baseB = group.z * shape.n * shape.k;
  ${each(tile.threadM, (r) => each(columns, (c) => `var c${r}_${c} = vec4<f32>();`))}
  ${rowSums ? each(tile.threadM / 4, (r) => `var sum${r} = vec4<f32>();`) : ''}
  ${places('a', program)}
  ${places('b', program)}
  for (var k = 0u; k < shape.k; k += ${steps}u) {
    ${readBlock('a', program, steps)}
    ${readBlock('b', program, steps)}
    ${rowSums ? each(steps, (k) => each(tile.threadM / 4, (r) => `sum${r} += a${k}_${r};`)) : ''}
    ${each(steps, (k) =>
      each(columns, (c) => {
        const products = each(
          tile.threadM,
          (r) => `c${r}_${c} = fma(vec4<f32>(${entry('a', r, k, program)}), four, c${r}_${c});`,
        );
        return `{ let four = ${fourColumns(c, k, program)}; ${products} }`;
      }),
    )}
  }
  ${each(columns, (c) => `let column${c} = column + ${4 * c}u; ${readColumns(`column${c}`, program)}`)}
  ${each(tile.threadM, (r) => finish(cellsOfRow(r, columns), 'group.z', program))}
  ${rowSums ? `if (column == 0u) { ${each(tile.threadM, (r) => `if (row + ${r}u < shape.m) { sums[row + ${r}u] = sum${r >> 2}.${'xyzw'[r % 4]}; }`)} }` : ''}
}
`;
}

function cellsOfRow(row: number, fours: number): Cell[] {
  return Array.from({ length: fours }, (_, c) => ({
    ...{ row: `row + ${row}u`, column: `column${c}`, sum: `c${row}_${c}` },
  }));
}

/** `readA` and `readB`: (row, column, rows, columns, base) of a factor as it lies in memory. */
function operandReads({ a, b }: TilelessProgram): string {
  return `${readFunction('readA', 'a', a)}
${readFunction('readB', 'b', b)}`;
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

/** A factor's own words for what both have. */
function wordsOf(of: 'a' | 'b', { tile }: GemmProgram) {
  return of === 'a'
    ? { read: 'readA', base: 'baseA', first: 'row', rows: tile.threadM, count: 'shape.m' }
    : { read: 'readB', base: 'baseB', first: 'column', rows: tile.threadN, count: 'shape.n' };
}

/**
 * Where the vec4 of each row, or of four rows, begin. Those past the end take the last one's: what is made of them
 * is not written, and no read needs a branch.
 */
function places(of: 'a' | 'b', program: GemmProgram): string {
  const { base, first, rows, count } = wordsOf(of, program);
  const { along, vector } = program[of];
  if (!vector) return '';
  return along === 'k'
    ? each(
        rows,
        (r) => `let place_${of}${r} = (${base} + min(${first} + ${r}u, ${count} - 1u) * shape.k) / 4u;`,
      )
    : each(
        rows / 4,
        (r) => `let place_${of}${r} = (${base} + min(${first} + ${4 * r}u, ${count} - 4u)) / 4u;`,
      );
}

/** One factor's share of these steps of k: `aROW` with four of k each, or `aSTEP_FOUR` with four rows each. */
function readBlock(of: 'a' | 'b', program: GemmProgram, steps: number): string {
  const { read, base, first, rows, count } = wordsOf(of, program);
  const { along, vector } = program[of];
  if (along === 'k')
    return each(rows, (r) => {
      const four = vector
        ? `vec4<f32>(${of}[place_${of}${r} + k / 4u])`
        : `${read}(${first} + ${r}u, k, ${count}, shape.k, ${base})`;
      return `let ${of}${r} = ${four};`;
    });
  return each(steps, (step) =>
    each(rows / 4, (r) => {
      // Past the end of k, where there is one, the other factor is zero.
      const four = vector
        ? `vec4<f32>(${of}[place_${of}${r} + min(k + ${step}u, shape.k - 1u) * (${count} / 4u)])`
        : `${read}(k + ${step}u, ${first} + ${4 * r}u, shape.k, ${count}, ${base})`;
      return `let ${of}${step}_${r} = ${four};`;
    }),
  );
}

/** The number of this row, or column, and step of k. */
function entry(of: 'a' | 'b', row: number, k: number, program: GemmProgram): string {
  return program[of].along === 'k' ? `${of}${row}.${'xyzw'[k]}` : `${of}${k}_${row >> 2}.${'xyzw'[row % 4]}`;
}

function fourColumns(four: number, k: number, program: GemmProgram): string {
  if (program.b.along === 'rows') return `b${k}_${four}`;
  return `vec4<f32>(${[0, 1, 2, 3].map((c) => entry('b', 4 * four + c, k, program)).join(', ')})`;
}
