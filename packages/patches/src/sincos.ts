/** What to embed. */
export interface SinCosOptions {
  /** Width of a token, a multiple of 4. */
  readonly dim: number;
  /** [rows, columns] of patches. */
  readonly grid: readonly [number, number];
  /** Put a row of zeros first, for the class token. */
  readonly classToken: boolean;
}

/**
 * The fixed 2-D sin-cos position embedding (He et al. 2021, appendix A.1), as the reference computes it: the
 * first half of a token encodes its column, the second its row; each half is sines then cosines of the
 * coordinate times 1 / 10000^(i / (dim / 4)).
 * @returns [token (+ 1), dim], row-major
 * @throws when the width is not a multiple of 4.
 */
export function sinCosPositionEmbedding({ dim, grid, classToken }: SinCosOptions): Float32Array {
  if (!Number.isInteger(dim) || dim < 4 || dim % 4 !== 0)
    throw new Error(`sin-cos position embedding: width ${dim} is not a multiple of 4`);
  const [rows, columns] = grid;
  const first = classToken ? 1 : 0;
  const out = new Float32Array((first + rows * columns) * dim);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const token = out.subarray((first + row * columns + column) * dim).subarray(0, dim);
      writeAxis(token.subarray(0, dim / 2), column);
      writeAxis(token.subarray(dim / 2), row);
    }
  return out;
}

/** Sines, then cosines, of one coordinate. */
function writeAxis(out: Float32Array, coordinate: number): void {
  const frequencies = out.length / 2;
  for (let i = 0; i < frequencies; i++) {
    const angle = coordinate / 10000 ** (i / frequencies);
    out[i] = Math.sin(angle);
    out[frequencies + i] = Math.cos(angle);
  }
}
