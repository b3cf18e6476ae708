import { assertGridShape, type GridShape } from './grid.js';

/** What {@link sinCosPositionEmbedding} builds. */
export interface SinCosOptions {
  /** Width of a token; a multiple of 4. */
  readonly dim: number;
  /** `[rows, columns]` of the patch grid. */
  readonly grid: GridShape;
  /** Put a row of zeros in front, for the class token. Default: no. */
  readonly classToken?: boolean;
}

/**
 * The fixed 2-D sin-cos position embedding (He et al. 2021, appendix A.1, "ViT architecture"; the
 * reference's `get_2d_sincos_pos_embed`). The first half of a token's values encodes its column, the second
 * half its row; each half is sines, then cosines, of the place over the wavelengths 10000^(i / (dim / 4)).
 * Computed in float64.
 * @returns [token, dim], or [1 + token, dim] with a class token; tokens row by row
 * @throws when `dim` is not a multiple of 4, or the grid is not one of positive whole numbers.
 */
export function sinCosPositionEmbedding({ dim, grid, classToken = false }: SinCosOptions): Float32Array {
  if (!Number.isInteger(dim) || dim < 4 || dim % 4 !== 0)
    throw new Error(
      `a 2-D sin-cos position embedding needs a width that is a multiple of 4 (sine and cosine of row and column), got ${dim}`,
    );
  assertGridShape(grid);
  const [rows, columns] = grid;
  const first = classToken ? 1 : 0;
  const embedding = new Float32Array((first + rows * columns) * dim);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const at = (first + row * columns + column) * dim;
      // The column comes first: the reference's meshgrid puts width before height.
      encodePlace(embedding.subarray(at, at + dim / 2), column);
      encodePlace(embedding.subarray(at + dim / 2, at + dim), row);
    }
  return embedding;
}

/** Fill `out` with the sines of one coordinate, then its cosines. */
function encodePlace(out: Float32Array, place: number): void {
  const frequencies = out.length / 2;
  for (let i = 0; i < frequencies; i++) {
    const angle = place / 10000 ** (i / frequencies);
    out[i] = Math.sin(angle);
    out[frequencies + i] = Math.cos(angle);
  }
}
