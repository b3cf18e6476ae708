import type { Precision } from '../half/half.js';
import { deal } from './deal.js';

/**
 * How a slab of a factor gets from memory to the workgroup memory of a product on tensor cores, in WGSL.
 *
 * A slab has `across` lines, one for each row (column, for B), and a line has `depth` numbers of half precision, contiguous
 * along k whatever the layout in memory: that is how tensor cores take both factors, and an invocation's share of a matrix
 * is then one read of 16 bytes. Where memory is contiguous along k, a piece is four numbers of a line; where it is
 * contiguous along rows, it is 4 x 4 numbers, turned in registers.
 *
 * - As in slab.wgsl.ts no read is in a branch, and numbers stay as they are until they are stored.
 * - Every index is made of constants and the invocation's number, so that Tint can prove it in range: four numbers are
 *   then stored at once, where four checks would make it four stores.
 * - Banks: 16 bytes between lines of 64 make eight lines' reads of 16 bytes lie in different eighths of 128 bytes.
 */
export interface MatrixSlab {
  readonly name: 'A' | 'B';
  readonly along: 'k' | 'rows';
  readonly vector: boolean;
  readonly precision: Precision;
  /** Lines. */
  readonly across: number;
  /** In how many equal parts the lines are kept, one to a row (column) of subgroups. */
  readonly parts: number;
  /** Of a line, in numbers. */
  readonly depth: number;
  /** Invocations of the workgroup. */
  readonly threads: number;
}

/** Numbers that an invocation brings at once, where memory is contiguous along rows. */
export const LARGEST_PIECE = 16;

/** Numbers between the end of a line and the start of the next. */
const PADDING = 8;

/** Numbers from one line to the next. */
export function lineStride({ depth }: Pick<MatrixSlab, 'depth'>): number {
  return depth + PADDING;
}

/** Of a part, in numbers. */
export function partSize(slab: Pick<MatrixSlab, 'across' | 'depth' | 'parts'>): number {
  return (slab.across / slab.parts) * lineStride(slab);
}

/** Neighbours that read neighbouring vec4 of rows, 32 bytes of half precision, before the next four steps of k. */
const TOGETHER = 4;

/** The parts of `main` that bring slabs: see `SlabText` in slab.wgsl.ts. */
export interface MatrixSlabText {
  readonly variables: string;
  readonly read: string;
  readonly moveOn: string;
  readonly zeroPastEnd: (slab: string) => string;
  readonly store: string;
  /** Where it was read along rows: how many times four rows an invocation has read of. */
  readonly sums: readonly { readonly of: string; readonly fourRows: string }[];
}

export function matrixSlabText(slab: MatrixSlab): MatrixSlabText {
  const { name, along, vector, precision, across, depth, threads } = slab;
  const [buffer, first, rows] = name === 'A' ? ['a', 'firstRow', 'shape.m'] : ['b', 'firstColumn', 'shape.n'];
  const width = vector ? 4 : 1;
  const read = (at: string) =>
    vector
      ? `${buffer}[${at}]`
      : `vec4<${precision}>(${[0, 1, 2, 3].map((i) => `${buffer}[${at} + ${i}u]`).join(', ')})`;
  const zero = `vec4<${precision}>()`;
  const stride = `stride${name}`;
  const at = `at${name}`;
  if (along === 'k') {
    const [four, line] = deal(threads, [depth / 4, across]);
    const pieces = line!.offsets.map((offset, index) => ({
      line: offset,
      four: four!.offsets[index]!,
      register: `next${name}${index}`,
    }));
    return {
      variables: `let ${stride} = shape.k / ${width}u;
  let four${name} = ${four!.first};
  let line${name} = ${line!.first};
  var ${at} = (base${name} + start + (${first} + line${name}) * shape.k) / ${width}u + four${name} * ${4 / width}u;
  ${pieces.map(({ register }) => `var ${register} = ${zero};`).join(' ')}`,
      read: pieces
        .map(
          (piece) =>
            `${piece.register} = ${read(`${at} + ${piece.line}u * ${stride} + ${(4 * piece.four) / width}u`)};`,
        )
        .join(' '),
      moveOn: `${at} += ${depth / width}u;`,
      zeroPastEnd: (from) =>
        pieces
          .map(({ register, ...piece }) => {
            const k = `${from} + (four${name} + ${piece.four}u) * 4u + vec4<u32>(0u, 1u, 2u, 3u)`;
            return `${register} = select(${zero}, ${register}, ${k} < vec4<u32>(end));`;
          })
          .join(' '),
      store: pieces
        .map(({ register, ...piece }) =>
          storeFour(slab, `line${name} + ${piece.line}u`, `four${name} + ${piece.four}u`, register),
        )
        .join(' '),
      sums: [],
    };
  }
  const near = Math.min(TOGETHER, across / 4);
  const [low, four, high] = deal(threads, [near, depth / 4, across / 4 / near]);
  const pieces = low!.offsets.map((lowOffset, index) => ({
    rows: lowOffset + near * high!.offsets[index]!,
    four: four!.offsets[index]!,
    registers: [0, 1, 2, 3].map((step) => `next${name}${index}_${step}`),
  }));
  const registers = pieces.flatMap((piece) => piece.registers);
  return {
    variables: `let ${stride} = ${rows} / ${width}u;
  let four${name} = ${four!.first};
  let line${name} = (${low!.first} + ${near}u * ${high!.first}) * 4u;
  var ${at} = (base${name} + ${first} + line${name}) / ${width}u + (start + four${name} * 4u) * ${stride};
  ${registers.map((register) => `var ${register} = ${zero};`).join(' ')}`,
    read: pieces
      .flatMap((piece) =>
        piece.registers.map(
          (register, step) =>
            `${register} = ${read(`${at} + ${4 * piece.four + step}u * ${stride} + ${(4 * piece.rows) / width}u`)};`,
        ),
      )
      .join(' '),
    moveOn: `${at} += ${depth}u * ${stride};`,
    zeroPastEnd: (from) =>
      pieces
        .flatMap((piece) =>
          piece.registers.map(
            (register, step) =>
              `${register} = select(${zero}, ${register}, ${from} + (four${name} + ${piece.four}u) * 4u + ${step}u < end);`,
          ),
        )
        .join(' '),
    store: pieces
      .flatMap((piece) =>
        [...'xyzw'].map((row, i) => {
          const turned = piece.registers.map((register) => `${register}.${row}`).join(', ');
          return storeFour(
            slab,
            `line${name} + ${4 * piece.rows + i}u`,
            `four${name} + ${piece.four}u`,
            `vec4<${precision}>(${turned})`,
          );
        }),
      )
      .join(' '),
    sums: pieces.map((piece) => ({
      of: piece.registers.map((register) => `vec4<f32>(${register})`).join(' + '),
      fourRows: `line${name} / 4u + ${piece.rows}u`,
    })),
  };
}

/** Store four numbers of a line. */
function storeFour(slab: MatrixSlab, line: string, four: string, value: string): string {
  const lines = slab.across / slab.parts;
  const entries = [0, 1, 2, 3].map((i) => `slab${slab.name}[line / ${lines}u][at + ${i}u] = value[${i}];`);
  return `{ let line = ${line}; let at = line % ${lines}u * ${lineStride(slab)}u + (${four}) * 4u; let value = vec4<f16>(${value}); ${entries.join(' ')} }`;
}
