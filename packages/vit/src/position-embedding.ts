import { patchGrid, sinCosPositionEmbedding } from '@maehem/patches';
import * as tf from '@tensorflow/tfjs-core';
import type { VitConfig } from './config.js';

/** Sin-cos positions of an image's patches, a row of zeros for the class token first: [1, 1 + token, dim]. */
export function initPositionEmbedding({ imageSize, patchSize }: VitConfig, dim: number): tf.Tensor3D {
  const { shape, tokens } = patchGrid(...imageSize, patchSize);
  return tf.tensor3d(sinCosPositionEmbedding({ dim, grid: shape, classToken: true }), [1, 1 + tokens, dim]);
}
