import type { Precision } from '../half/half.js';
import { deal, type Share } from './deal.js';

/**
 * How a slab of a factor gets from memory to workgroup memory, in WGSL.
 *
 * A slab has `depth` lines, each of `across` numbers at one step of k. Every invocation brings the same share of it,
 * in pieces: where memory is contiguous along rows, a piece is a vec4 of a line; where it is contiguous along k, it is
 * four rows at two steps of k, read as four vec2 and turned into a vec4 for each of two lines.
 *
 * - **No read is in a branch**, so that all of them are on their way at once and none is waited for before the slab is
 *   stored, after the products of the one before. Indices past the end of a row or of the buffer are harmless: WGSL
 *   answers with some number of the buffer, and what comes of rows past the end is not written. Steps past the end of k
 *   count: they are set to zero, in the one slab that has some.
 * - **Banks.** Workgroup memory serves 32 banks of 4 bytes, so eight vec4 at a time, which are to lie in different
 *   eighths of 128 bytes. Lines hold a multiple of two vec4. Along rows, eight neighbours store eight neighbouring vec4.
 *   Along k they store to eight lines at the same place: those are kept one vec4 longer, and an odd length takes eight
 *   lines to eight different places. So that the lines are neighbours, the even steps of k come first and the
 *   odd ones behind them; in what order k is summed is nobody's business, as long as both slabs have the same.
 * - Numbers stay as they are in memory until they are stored: converting them would be waiting for them.
 */
export interface Slab {
  readonly name: 'A' | 'B';
  /** The contiguous axis in memory, whether its length is a multiple of 4, and what its numbers are. */
  readonly along: 'k' | 'rows';
  readonly vector: boolean;
  readonly precision: Precision;
  /** Of a line, in numbers. */
  readonly across: number;
  readonly depth: number;
  /** Invocations of the workgroup. */
  readonly threads: number;
}

/** Numbers that a vector read takes: what the buffer is an array of. */
export function readWidth({ along, vector }: Pick<Slab, 'along' | 'vector'>): 1 | 2 | 4 {
  if (!vector) return 1;
  return along === 'k' ? 2 : 4;
}

/** Of a line in workgroup memory, in vec4. */
export function lineLength({ along, across }: Pick<Slab, 'along' | 'across'>): number {
  return across / 4 + (along === 'k' ? 1 : 0);
}

/** The parts of `main` that bring slabs. */
export interface SlabText {
  /** Variables: where this invocation reads, and what it has read. */
  readonly variables: string;
  /** Read what belongs to this invocation, from where it stands. */
  readonly read: string;
  /** Go on to the next slab. */
  readonly moveOn: string;
  /** Set to zero what lies past `end` of what was read of the slab that begins there. */
  readonly zeroPastEnd: (slab: string) => string;
  /** Store what was read. */
  readonly store: string;
  /** Where it was read along rows: the sum of what was read, four rows. */
  readonly sum: string;
}

export function slabText(slab: Slab): SlabText {
  return slab.along === 'k' ? textAlongK(slab) : textAlongRows(slab);
}

function textAlongK(slab: Slab): SlabText {
  const { name, depth, across, threads, precision, vector } = slab;
  const { at, stride, buffer, first } = namesOf(slab);
  const width = readWidth(slab);
  const pairs = depth / 2;
  const [pair, four] = deal(threads, [pairs, across / 4]) as [Share, Share];
  const pieces = pair.offsets.map((offset, piece) => ({ pair: offset, four: four.offsets[piece]! }));
  const register = (piece: number, row: number) => `next${name}${piece}_${row}`;
  const registers = pieces.flatMap((_, piece) => [0, 1, 2, 3].map((row) => register(piece, row)));
  const place = { pair: `pair${name}`, four: `four${name}` };
  const read = pieces.flatMap((piece, index) =>
    [0, 1, 2, 3].map((row) => {
      const entry = `${at} + ${4 * piece.four + row}u * ${stride} + ${(2 * piece.pair) / width}u`;
      const value = vector
        ? `${buffer}[${entry}]`
        : `vec2<${precision}>(${buffer}[${entry}], ${buffer}[${entry} + 1u])`;
      return `${register(index, row)} = ${value};`;
    }),
  );
  const zero = (from: string) =>
    pieces.map((piece, index) => {
      const k = `${from} + (${place.pair} + ${piece.pair}u) * 2u + vec2<u32>(0u, 1u)`;
      const set = (row: number) =>
        `${register(index, row)} = select(vec2<${precision}>(), ${register(index, row)}, present);`;
      return `{ let present = ${k} < vec2<u32>(end); ${[0, 1, 2, 3].map(set).join(' ')} }`;
    });
  const store = pieces.flatMap((piece, index) =>
    ['x', 'y'].map((component, odd) => {
      const four = [0, 1, 2, 3].map((row) => `${register(index, row)}.${component}`).join(', ');
      const line = `${place.pair} + ${piece.pair + odd * pairs}u`;
      return `slab${name}[${line}][${place.four} + ${piece.four}u] = vec4<f32>(vec4<${precision}>(${four}));`;
    }),
  );
  return {
    variables: `let ${place.pair} = ${pair.first};
  let ${place.four} = ${four.first};
  let ${stride} = shape.k / ${width}u;
  var ${at} = (base${name} + (${first} + ${place.four} * 4u) * shape.k + start) / ${width}u + ${place.pair} * ${2 / width}u;
  ${registers.map((each) => `var ${each}: vec2<${precision}>;`).join(' ')}`,
    read: read.join(' '),
    moveOn: `${at} += ${depth / width}u;`,
    zeroPastEnd: (from) => zero(from).join(' '),
    store: store.join(' '),
    sum: '',
  };
}

function textAlongRows(slab: Slab): SlabText {
  const { name, depth, across, threads, precision, vector } = slab;
  const { at, stride, buffer, first, rows } = namesOf(slab);
  const width = readWidth(slab);
  const [four, line] = deal(threads, [across / 4, depth]) as [Share, Share];
  const pieces = line.offsets.map((offset, piece) => ({ line: offset, four: four.offsets[piece]! }));
  const register = (piece: number) => `next${name}${piece}`;
  const place = { line: `line${name}`, four: `four${name}` };
  const k = ({ line }: { line: number }) => ((2 * line) % depth) + Math.floor((2 * line) / depth);
  const read = pieces.map((piece, index) => {
    const entry = `${at} + ${k(piece)}u * ${stride} + ${(4 * piece.four) / width}u`;
    const value = vector
      ? `${buffer}[${entry}]`
      : `vec4<${precision}>(${[0, 1, 2, 3].map((i) => `${buffer}[${entry} + ${i}u]`).join(', ')})`;
    return `${register(index)} = ${value};`;
  });
  return {
    variables: `let ${place.line} = ${line.first};
  let ${place.four} = ${four.first};
  let ${stride} = ${rows} / ${width}u;
  var ${at} = (base${name} + ${first}) / ${width}u + (start + ${place.line} * 2u) * ${stride} + ${place.four} * ${4 / width}u;
  ${pieces.map((_, index) => `var ${register(index)}: vec4<${precision}>;`).join(' ')}`,
    read: read.join(' '),
    moveOn: `${at} += ${depth}u * ${stride};`,
    zeroPastEnd: (from) =>
      pieces
        .map(
          (piece, index) =>
            `${register(index)} = select(vec4<${precision}>(), ${register(index)}, ${from} + ${place.line} * 2u + ${k(piece)}u < end);`,
        )
        .join(' '),
    store: pieces
      .map(
        (piece, index) =>
          `slab${name}[${place.line} + ${piece.line}u][${place.four} + ${piece.four}u] = vec4<f32>(${register(index)});`,
      )
      .join(' '),
    sum: pieces.map((_, index) => `vec4<f32>(${register(index)})`).join(' + '),
  };
}

/** What belongs to the factor in `main`. */
function namesOf({ name }: Pick<Slab, 'name'>) {
  const [buffer, first, rows] = name === 'A' ? ['a', 'firstRow', 'shape.m'] : ['b', 'firstColumn', 'shape.n'];
  return { at: `at${name}`, stride: `stride${name}`, buffer, first, rows };
}
