import type * as tf from '@tensorflow/tfjs-core';

/** Features of an image on a grid. */
export interface FeatureMap {
  /** [batch, rows * columns, channel], row by row. */
  readonly tokens: tf.Tensor3D;
  /** [rows, columns] */
  readonly grid: readonly [rows: number, columns: number];
}

/**
 * The tokens of an encoder as a map.
 * @param tokens [batch, rows * columns, dim], the class token left out
 * @throws when there are not rows * columns tokens.
 */
export function featureMap(tokens: tf.Tensor3D, grid: readonly [number, number]): FeatureMap {
  if (tokens.shape[1] !== grid[0] * grid[1])
    throw new Error(
      `${tokens.shape[1]} tokens are no map of ${grid.join('x')}: the grid is the image's size over the patch's, and the class token is left out`,
    );
  return { tokens, grid };
}
