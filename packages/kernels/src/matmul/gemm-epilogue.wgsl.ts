import { geluFunction } from '../gelu/gelu.wgsl.js';
import { each, type TilelessProgram } from './gemm.wgsl.js';

/**
 * What is done to a finished sum before it is written, in WGSL; shared by all kinds of products.
 *
 * Bias is read once for all rows. What else is read is read for several rows before any of them is written: writing may
 * change what is read, for all that a compiler knows, so that it would wait for each row on its own. Nothing is checked
 * for being in range before it is read: WGSL answers with some number of the buffer, and only what is in range is written.
 */

/** Four columns of one row of C: WGSL expressions. `column` names a variable. */
export interface Cell {
  readonly row: string;
  readonly column: string;
  readonly sum: string;
}

/** The functions that the rest needs. */
export function epilogueFunctions(program: TilelessProgram): string {
  const { epilogue, split = false } = program;
  return `${epilogue.gelu ? geluFunction('vec4<f32>') : ''}
${split ? 'fn partStride() -> u32 { return (shape.m * shape.n + shape.m + 3u) / 4u * 4u; }' : ''}
${writeFunction(program)}`;
}

/** What is read for the four columns from this variable on. */
export function readColumns(column: string, { epilogue, out }: TilelessProgram): string {
  return epilogue.bias ? `let bias_${column} = ${four('bias', column, out.vector)};` : '';
}

/** Finish these cells of the matrix, or the part of a sum, whose number is `part`. */
export function finish(cells: readonly Cell[], part: string, program: TilelessProgram): string {
  const { epilogue, out, split = false } = program;
  const base = split ? `${part} * partStride()` : `${part} * shape.m * shape.n`;
  const matrices = (['residual', 'factor'] as const).filter((name) => epilogue[name]);
  const reads = cells.map(({ row, column }, cell) => {
    const operands = matrices.map((name) => `let ${name}${cell} = ${four(name, `at${cell}`, out.vector)};`);
    return `let at${cell} = ${base} + (${row}) * shape.n + ${column}; ${operands.join(' ')}`;
  });
  const writes = cells.map(({ row, column, sum }, cell) => {
    const operands = [
      ...[`at${cell}`, row, column, sum],
      ...(epilogue.bias ? [`bias_${column}`] : []),
      ...matrices.map((name) => `${name}${cell}`),
    ];
    return `write(${operands.join(', ')});`;
  });
  return `{
    ${reads.join('\n    ')}
    ${writes.join('\n    ')}
  }`;
}

/** Four numbers of a buffer from `at` on. */
function four(buffer: string, at: string, vector: boolean): string {
  return vector
    ? `vec4<f32>(${buffer}[${at} / 4u])`
    : `vec4<f32>(${[0, 1, 2, 3].map((i) => `f32(${buffer}[${at} + ${i}u])`).join(', ')})`;
}

function writeFunction({ out, epilogue, split = false }: TilelessProgram): string {
  const precision = split ? 'f32' : out.precision;
  const put = (buffer: string, value: string) =>
    out.vector
      ? `${buffer}[at / 4u] = vec4<${precision}>(${value});`
      : each(
          4,
          (i) =>
            `${i === 0 ? '' : `if (column + ${i}u < shape.n) `}{ ${buffer}[at + ${i}u] = ${precision}(${value}.${'xyzw'[i]}); }`,
        );
  const operands = (['bias', 'residual', 'factor'] as const)
    .filter((name) => epilogue[name])
    .map((name) => `, ${name}Here: vec4<f32>`);
  return `fn write(at: u32, row: u32, column: u32, sum: vec4<f32>${operands.join('')}) {
  if (row >= shape.m || column >= shape.n) { return; }
  var value = sum * shape.alpha;
  ${epilogue.bias ? 'value += biasHere;' : ''}
  ${
    epilogue.gelu
      ? `let both = gelu(value);
  ${put('derivative', 'both.derivative')}
  value = both.value;`
      : ''
  }
  ${epilogue.factor ? 'value *= factorHere;' : ''}
  ${epilogue.residual ? 'value += residualHere;' : ''}
  ${put('c', 'value')}
}`;
}

/** Write `total`, the sums of four rows from `row` on. Parts leave room to the next multiple of 4; an output of its own does not. */
export function putRowSums({ out, split = false }: TilelessProgram): string {
  if (split && out.vector) return 'c[(group.z * partStride() + shape.m * shape.n + row) / 4u] = total;';
  const place = split ? 'c[group.z * partStride() + shape.m * shape.n + row + i]' : 'sums[row + i]';
  return `for (var i = 0u; i < min(4u, shape.m - row); i++) { ${place} = total[i]; }`;
}
