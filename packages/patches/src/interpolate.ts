import { assertGridShape, type GridShape } from './grid.js';

/**
 * Bicubic interpolation of a position embedding to another grid (the reference's `interpolate_pos_embed`), as
 * PyTorch's `interpolate(mode='bicubic', align_corners=False)`: a = -0.75, no antialiasing, edges repeated.
 * The row of a class token, where there is one, passes untouched.
 * @param embedding [token, dim] or [1 + token, dim], patches row by row
 * @param dim width of a token
 * @param from [rows, columns] of the embedding
 * @param to [rows, columns] wanted
 * @returns [token, dim] or [1 + token, dim] of the wanted grid
 * @throws when the embedding is not that of the grid `from`, with or without a class token.
 */
export function interpolatePositionEmbedding(
  embedding: Float32Array,
  dim: number,
  from: GridShape,
  to: GridShape,
): Float32Array {
  assertGridShape(from);
  assertGridShape(to);
  const extra = embedding.length / dim - from[0] * from[1];
  if (extra !== 0 && extra !== 1)
    throw new Error(
      `a position embedding of ${embedding.length} values is not ${from[0]}x${from[1]} tokens of width ${dim}, with or without a class token`,
    );
  const out = new Float32Array((extra + to[0] * to[1]) * dim);
  out.set(embedding.subarray(0, extra * dim));
  const rows = taps(from[0], to[0]);
  const columns = taps(from[1], to[1]);
  for (let row = 0; row < to[0]; row++)
    for (let column = 0; column < to[1]; column++) {
      const token = out.subarray((extra + row * to[1] + column) * dim);
      for (const y of rows[row]!)
        for (const x of columns[column]!) {
          const weight = y.weight * x.weight;
          const source = (extra + y.index * from[1] + x.index) * dim;
          for (let i = 0; i < dim; i++) token[i]! += weight * embedding[source + i]!;
        }
    }
  return out;
}

interface Tap {
  readonly index: number;
  readonly weight: number;
}

/** Four source places and weights for each target place along one axis. */
function taps(from: number, to: number): Tap[][] {
  return Array.from({ length: to }, (_, target) => {
    const centre = ((target + 0.5) * from) / to - 0.5;
    const base = Math.floor(centre);
    return [-1, 0, 1, 2].map((step) => ({
      index: Math.min(Math.max(base + step, 0), from - 1),
      weight: cubic(centre - base - step),
    }));
  });
}

/** Keys's cubic convolution kernel with a = -0.75, PyTorch's choice. */
function cubic(distance: number): number {
  const a = -0.75;
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}
