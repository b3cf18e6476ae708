import { differentiable, type Linear, linear } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import type { FeatureMap } from './feature-map.js';

/** Offsets of the 3 x 3 neighbourhood in a map with a border of one zero. */
const OFFSETS: readonly (readonly [row: number, column: number])[] = [0, 1, 2].flatMap((row) =>
  [0, 1, 2].map((column) => [row, column] as const),
);

/**
 * A 3 x 3 convolution with a border of zeros, as one matrix product over gathered neighbourhoods.
 * @param params weight [out, 9 * in] in (row, column, channel) order, bias [out]
 */
export function convolution(params: Linear, map: FeatureMap): FeatureMap {
  return { tokens: linear(params, neighbourhoods(map)), grid: map.grid };
}

/** [batch, token, channel] → [batch, token, 9 * channel]: each token with its eight neighbours, zeros beyond the border. */
export function neighbourhoods({ tokens, grid: [rows, columns] }: FeatureMap): tf.Tensor3D {
  const [batch, count, channels] = tokens.shape;
  return differentiable<tf.Tensor3D>(
    [tokens],
    () => {
      const image = tf.reshape(tokens, [batch, rows, columns, channels]) as tf.Tensor4D;
      const padded = tf.pad4d(image, [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]);
      const shifted = OFFSETS.map(([row, column]) =>
        tf.slice(padded, [0, row, column, 0], [batch, rows, columns, channels]),
      );
      return {
        value: tf.reshape(tf.concat(shifted, 3), [batch, count, 9 * channels]) as tf.Tensor3D,
        saved: [],
      };
    },
    (dy) => {
      // The nine parts one after the other: slices of whole blocks are copies, slices of channels a loop in JavaScript.
      const apart = tf.transpose(tf.reshape(dy, [batch * count, OFFSETS.length, channels]), [1, 0, 2]);
      const shifted = OFFSETS.map(([row, column], index) => {
        const part = tf.slice(apart, [index, 0, 0], [1, batch * count, channels]);
        const image = tf.reshape(part, [batch, rows, columns, channels]) as tf.Tensor4D;
        return tf.pad4d(image, [
          [0, 0],
          [row, 2 - row],
          [column, 2 - column],
          [0, 0],
        ]);
      });
      const summed = shifted.reduce((sum, each) => tf.add(sum, each) as tf.Tensor4D);
      const inner = tf.slice(summed, [0, 1, 1, 0], [batch, rows, columns, channels]);
      return [tf.reshape(inner, tokens.shape)];
    },
  );
}
