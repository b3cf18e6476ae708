import type { Precision } from '../half/half.js';

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
  /** 'A' or 'B'; buffers are called by the small letter. */
  readonly name: 'A' | 'B';
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

/** What the two kinds of text share: the names in `main` that belong to the factor. */
function namesOf({ name }: Slab) {
  return name === 'A'
    ? {
        slab: 'slabA',
        buffer: 'a',
        at: 'atA',
        stride: 'strideA',
        base: 'baseA',
        first: 'firstRow',
        rows: 'shape.m',
      }
    : {
        slab: 'slabB',
        buffer: 'b',
        at: 'atB',
        stride: 'strideB',
        base: 'baseB',
        first: 'firstColumn',
        rows: 'shape.n',
      };
}

function textAlongK(slab: Slab): SlabText {
  const { name, depth, across, threads, precision, vector } = slab;
  const { buffer, at, stride, base, first } = namesOf(slab);
  const width = readWidth(slab);
  const pairs = depth / 2;
  const { fast: pair, slow: four, pieces } = deal(pairs, across / 4, threads);
  const register = (piece: number, row: number) => `next${name}${piece}_${row}`;
  const registers = pieces.flatMap((_, piece) => [0, 1, 2, 3].map((row) => register(piece, row)));
  const place = { pair: `pair${name}`, four: `four${name}` };
  const read = pieces.flatMap((piece, index) =>
    [0, 1, 2, 3].map((row) => {
      const entry = `${at} + ${4 * piece.slow + row}u * ${stride} + ${(2 * piece.fast) / width}u`;
      const value = vector
        ? `${buffer}[${entry}]`
        : `vec2<${precision}>(${buffer}[${entry}], ${buffer}[${entry} + 1u])`;
      return `${register(index, row)} = ${value};`;
    }),
  );
  const zero = (from: string) =>
    pieces.map((piece, index) => {
      const k = `${from} + (${place.pair} + ${piece.fast}u) * 2u + vec2<u32>(0u, 1u)`;
      const set = (row: number) =>
        `${register(index, row)} = select(vec2<${precision}>(), ${register(index, row)}, present);`;
      return `{ let present = ${k} < vec2<u32>(end); ${[0, 1, 2, 3].map(set).join(' ')} }`;
    });
  const store = pieces.flatMap((piece, index) =>
    ['x', 'y'].map((component, odd) => {
      const four = [0, 1, 2, 3].map((row) => `${register(index, row)}.${component}`).join(', ');
      const line = `${place.pair} + ${piece.fast + odd * pairs}u`;
      return `slab${name}[${line}][${place.four} + ${piece.slow}u] = vec4<f32>(vec4<${precision}>(${four}));`;
    }),
  );
  return {
    variables: `let ${place.pair} = ${pair};
  let ${place.four} = ${four};
  let ${stride} = shape.k / ${width}u;
  var ${at} = (${base} + (${first} + ${place.four} * 4u) * shape.k + start) / ${width}u + ${place.pair} * ${2 / width}u;
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
  const { buffer, at, stride, base, first, rows } = namesOf(slab);
  const width = readWidth(slab);
  const { fast: four, slow: line, pieces } = deal(across / 4, depth, threads);
  const register = (piece: number) => `next${name}${piece}`;
  const place = { line: `line${name}`, four: `four${name}` };
  const k = ({ slow }: { slow: number }) => ((2 * slow) % depth) + Math.floor((2 * slow) / depth);
  const read = pieces.map((piece, index) => {
    const entry = `${at} + ${k(piece)}u * ${stride} + ${(4 * piece.fast) / width}u`;
    const value = vector
      ? `${buffer}[${entry}]`
      : `vec4<${precision}>(${[0, 1, 2, 3].map((i) => `${buffer}[${entry} + ${i}u]`).join(', ')})`;
    return `${register(index)} = ${value};`;
  });
  return {
    variables: `let ${place.line} = ${line};
  let ${place.four} = ${four};
  let ${stride} = ${rows} / ${width}u;
  var ${at} = (${base} + ${first}) / ${width}u + (start + ${place.line} * 2u) * ${stride} + ${place.four} * ${4 / width}u;
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
          `slab${name}[${place.line} + ${piece.slow}u][${place.four} + ${piece.fast}u] = vec4<f32>(${register(index)});`,
      )
      .join(' '),
    sum: pieces.map((_, index) => `vec4<f32>(${register(index)})`).join(' + '),
  };
}

/**
 * Deal `fast` x `slow` pieces to the invocations, neighbours to neighbours along `fast`: where an invocation's first one is, and
 * how far from there the others are, which is the same for all. All are powers of two.
 */
function deal(
  fast: number,
  slow: number,
  threads: number,
): { fast: string; slow: string; pieces: readonly { fast: number; slow: number }[] } {
  const pieces = Array.from({ length: (fast * slow) / threads }, (_, piece) => ({
    fast: (piece * threads) % fast,
    slow: Math.floor((piece * threads) / fast),
  }));
  return threads >= fast
    ? { fast: `local % ${fast}u`, slow: `local / ${fast}u`, pieces }
    : { fast: 'local', slow: '0u', pieces };
}
