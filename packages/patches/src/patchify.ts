import * as tf from '@tensorflow/tfjs-core';
import { patchGrid } from './grid.js';
import { patchifyKernel } from './patchify-kernel.js';

/** Per channel, in units of the pixel range 0 … 1: what is taken off a value, and what it is divided by then. */
export interface PixelNormalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Cut images into patches, as tensors and without a gradient (images are data).
 * @param images [batch, height, width, channel]
 * @param patchSize [height, width] of a patch
 * @param normalisation what is done to pixels on the way, if anything
 * @returns [batch, token, patch height * patch width * channel]: tokens row by row, pixels in (row, column,
 * channel) order, the target order of the reference
 * @throws when the image is not a whole number of patches, as {@link patchGrid} does, or the normalisation has not
 * an entry for each channel.
 */
export function patchify(
  images: tf.Tensor4D,
  patchSize: readonly [number, number],
  normalisation?: PixelNormalisation,
): tf.Tensor3D {
  const [, height, width, channels] = images.shape;
  patchGrid(height, width, patchSize);
  const unit = { mean: Array<number>(channels).fill(0), std: Array<number>(channels).fill(1) };
  const scaling = scalingOf(normalisation ?? unit, channels);
  const [patchHeight, patchWidth] = patchSize;
  return patchifyKernel({ images }, { patchHeight, patchWidth, ...scaling })[0] as tf.Tensor3D;
}

/** What a value is multiplied by, and what is added then. */
function scalingOf(
  { mean, std }: PixelNormalisation,
  channels: number,
): { scale: number[]; shift: number[] } {
  if (mean.length !== channels || std.length !== channels || !std.every((value) => value > 0))
    throw new Error(
      `images have ${channels} channel(s): give a mean and a positive std for each, not [${mean}] and [${std}]`,
    );
  return {
    scale: std.map((value) => 1 / value),
    shift: mean.map((value, channel) => -value / std[channel]!),
  };
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
