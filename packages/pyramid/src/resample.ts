import { differentiable, type Linear, linear, reshape } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import type { FeatureMap } from './feature-map.js';

/** [batch * rows, columns, 2, 2 * channel] and back: swapping two axes of four puts cells of 2 x 2 beside each other. */
function swapMiddle(x: tf.Tensor4D): tf.Tensor4D {
  return differentiable<tf.Tensor4D>(
    [x],
    () => ({ value: tf.transpose(x, [0, 2, 1, 3]) as tf.Tensor4D, saved: [] }),
    (dy) => [tf.transpose(dy, [0, 2, 1, 3])],
  );
}

/**
 * A transposed convolution of kernel 2 and stride 2: every token becomes 2 x 2 of them.
 * @param params weight [4 * out, in] in (row, column, channel) order, bias [4 * out]
 * @returns a map of twice the rows and columns
 */
export function doubleResolution(params: Linear, { tokens, grid: [rows, columns] }: FeatureMap): FeatureMap {
  const batch = tokens.shape[0];
  const spread = linear(params, tokens);
  const channels = spread.shape[2] / 4;
  const cells = swapMiddle(reshape<tf.Tensor4D>(spread, [batch * rows, columns, 2, 2 * channels]));
  const doubled = reshape<tf.Tensor3D>(cells, [batch, 4 * rows * columns, channels]);
  return { tokens: doubled, grid: [2 * rows, 2 * columns] };
}

/**
 * The largest of every 2 x 2 tokens, channel by channel. Equal ones share the gradient.
 * @returns a map of half the rows and columns
 * @throws when rows or columns are odd.
 */
export function halveResolution({ tokens, grid: [rows, columns] }: FeatureMap): FeatureMap {
  if (rows % 2 !== 0 || columns % 2 !== 0)
    throw new Error(
      `a map of ${rows}x${columns} patches cannot be halved: use an image with an even number of patches each way`,
    );
  const [batch, , channels] = tokens.shape;
  const half = [rows / 2, columns / 2] as const;
  const cells = swapMiddle(reshape<tf.Tensor4D>(tokens, [batch * half[0], 2, half[1], 2 * channels]));
  const fours = reshape<tf.Tensor3D>(cells, [batch * half[0] * half[1], 4, channels]);
  const pooled = differentiable<tf.Tensor2D>(
    [fours],
    () => {
      const value = tf.max(fours, 1) as tf.Tensor2D;
      // 1 where nothing is missing to the largest; tfjs's WebGPU engine casts no bool to float.
      const isLargest = tf.sub(1, tf.sign(tf.sub(tf.expandDims(value, 1), fours)));
      return { value, saved: [tf.div(isLargest, tf.sum(isLargest, 1, true))] };
    },
    (dy, [share]) => [tf.mul(share!, tf.expandDims(dy, 1))],
  );
  return { tokens: reshape<tf.Tensor3D>(pooled, [batch, half[0] * half[1], channels]), grid: half };
}

/** Every token repeated `factor` times each way. */
export function repeatTokens({ tokens, grid: [rows, columns] }: FeatureMap, factor: number): FeatureMap {
  if (factor === 1) return { tokens, grid: [rows, columns] };
  const [batch, , channels] = tokens.shape;
  const larger = [rows * factor, columns * factor] as const;
  const repeated = differentiable<tf.Tensor3D>(
    [tokens],
    () => {
      const image = tf.reshape(tokens, [batch, rows, columns, channels]) as tf.Tensor4D;
      const resized = tf.image.resizeNearestNeighbor(image, [...larger]);
      return {
        value: tf.reshape(resized, [batch, larger[0] * larger[1], channels]) as tf.Tensor3D,
        saved: [],
      };
    },
    (dy) => {
      const strips = tf.reshape(dy, [batch * rows, factor, columns, factor * channels]);
      const cells = tf.transpose(strips, [0, 2, 1, 3]);
      const summed = tf.sum(tf.reshape(cells, [batch * rows * columns, factor * factor, channels]), 1);
      return [tf.reshape(summed, tokens.shape)];
    },
  );
  return { tokens: repeated, grid: larger };
}
