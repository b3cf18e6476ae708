import * as tf from '@tensorflow/tfjs-core';
import { patchGrid } from './grid.js';

/**
 * Cut images into patches, as tensors and without a gradient (images are data). Two axes swap places in a
 * 4-D transpose: tfjs is slow on 5-D ones everywhere.
 * @param images [batch, height, width, channel]
 * @param patchSize [height, width] of a patch
 * @returns [batch, token, patch height * patch width * channel]: tokens row by row, pixels in (row, column,
 * channel) order, the target order of the reference
 * @throws when the image is not a whole number of patches, as {@link patchGrid} does.
 */
export function patchify(images: tf.Tensor4D, patchSize: readonly [number, number]): tf.Tensor3D {
  const [batch, height, width, channels] = images.shape;
  const { rows, columns } = patchGrid(height, width, patchSize);
  const [patchHeight, patchWidth] = patchSize;
  return tf.tidy(() => {
    const strips = tf.reshape(images, [batch * rows, patchHeight, columns, patchWidth * channels]);
    const cut = tf.transpose(strips, [0, 2, 1, 3]);
    return tf.reshape(cut, [batch, rows * columns, patchHeight * patchWidth * channels]);
  });
}

/**
 * Put patches together again: the inverse of {@link patchify}.
 * @param patches [batch, token, patch values]
 * @param imageSize [height, width]
 * @returns [batch, height, width, channel]
 */
export function unpatchify(
  patches: tf.Tensor3D,
  imageSize: readonly [number, number],
  patchSize: readonly [number, number],
): tf.Tensor4D {
  const [batch, tokens, values] = patches.shape;
  const [patchHeight, patchWidth] = patchSize;
  const rows = imageSize[0] / patchHeight;
  const columns = imageSize[1] / patchWidth;
  const channels = values / (patchHeight * patchWidth);
  if (rows * columns !== tokens || !Number.isInteger(channels))
    throw new Error(
      `unpatchify: ${tokens} patches of ${values} values do not make an image of ${imageSize.join('x')} from patches of ${patchSize.join('x')}`,
    );
  return tf.tidy(() => {
    const cut = tf.reshape(patches, [batch * rows, columns, patchHeight, patchWidth * channels]);
    const strips = tf.transpose(cut, [0, 2, 1, 3]);
    return tf.reshape(strips, [batch, imageSize[0], imageSize[1], channels]);
  });
}
