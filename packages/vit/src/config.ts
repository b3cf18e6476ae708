import { patchGrid } from '@maehem/patches';

/** The shape of a vision transformer on images of one size. */
export interface VitConfig {
  /** [height, width] in pixels. */
  readonly imageSize: readonly [number, number];
  /** [height, width] of a patch in pixels. */
  readonly patchSize: readonly [number, number];
  readonly channels: number;
  /** Width of a token. */
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  /** Width of the MLP as a multiple of `dim`. */
  readonly mlpRatio: number;
  /** Epsilon of the layer norms; 1e-6, the reference's, unless said otherwise. */
  readonly normEps?: number | undefined;
  /** Blocks whose activations are computed twice instead of being kept: see `BlockShape`. Nothing of the model's. */
  readonly recompute?: number | undefined;
}

/**
 * @throws when a size is not a positive whole number, or does not divide as it must; the message names the
 * field, and the nearest image sizes that fit the patch.
 */
export function assertVitConfig(config: VitConfig): void {
  const { imageSize, patchSize, channels, dim, depth, heads } = config;
  patchGrid(...imageSize, patchSize);
  for (const [name, value] of Object.entries({ channels, dim, depth, heads }))
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`${name} must be a positive whole number, got ${value}`);
  if (dim % heads !== 0) throw new Error(`width ${dim} does not divide into ${heads} heads`);
  if (dim % 4 !== 0)
    throw new Error(`width ${dim} must be a multiple of 4 for 2-D sin-cos position embeddings`);
}

/** Number of patches of an image. */
export function tokenCount({ imageSize, patchSize }: VitConfig): number {
  return (imageSize[0] / patchSize[0]) * (imageSize[1] / patchSize[1]);
}

/** Number of values in a flattened patch. */
export function patchValues({ patchSize, channels }: VitConfig): number {
  return patchSize[0] * patchSize[1] * channels;
}
