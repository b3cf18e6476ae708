import * as tf from '@tensorflow/tfjs-core';
import { patchGrid } from './grid.js';
import { patchifyBytesKernel } from './patchify-bytes-kernel.js';

/**
 * Put images of 8 bits a channel on the device as they are, a quarter of what float32 takes. tfjs has no tensors of
 * bytes: four of them stand in one int32.
 * @param bytes [batch, height, width, channel]. Some engines go on to use this very array: don't write to it later
 * @param batch images in it
 * @returns int32 [batch, word]: each image's bytes, the first in a word's lowest bits; the last word is filled up with 0
 * @throws when the bytes are not a whole number for each image.
 */
export function uploadBytes(bytes: Uint8Array | Uint8ClampedArray, batch: number): tf.Tensor2D {
  const size = bytes.length / batch;
  if (!Number.isInteger(size)) throw new Error(`${bytes.length} bytes are not ${batch} images of one size`);
  const words = Math.ceil(size / 4);
  return tf.tensor2d(asWords(bytes, batch), [batch, words], 'int32');
}

/** The bytes themselves where each image is a whole number of words. */
function asWords(bytes: Uint8Array | Uint8ClampedArray, batch: number): Int32Array {
  const size = bytes.length / batch;
  if (size % 4 === 0 && bytes.byteOffset % 4 === 0)
    return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const words = Math.ceil(size / 4);
  const padded = new Uint8Array(batch * words * 4);
  for (let image = 0; image < batch; image++)
    padded.set(bytes.subarray(image * size, (image + 1) * size), image * words * 4);
  return new Int32Array(padded.buffer);
}

/**
 * Cut images of bytes into patches of numbers, without a gradient (images are data). Every byte is looked up: the same
 * images give the same bits on every engine.
 * @param pixels int32 [batch, word], of {@link uploadBytes}
 * @param shape of an image, height, width and channels: 3, 1, or 4 for RGBA as a canvas has it
 * @param patchSize [height, width] of a patch
 * @param levels [channel, 256]: the number that each byte stands for, `byteLevels` of `@maehem/data`. Where it has fewer
 * channels than the images, their last ones are left out: alpha, or all but red
 * @returns [batch, token, patch height * patch width * channel], in the order of `patchify`
 * @throws when the image is not a whole number of patches, or tensors are not of these shapes.
 */
export function patchifyBytes(
  pixels: tf.Tensor2D,
  shape: readonly [height: number, width: number, channels: number],
  patchSize: readonly [number, number],
  levels: tf.Tensor2D,
): tf.Tensor3D {
  const [height, width, channels] = shape;
  patchGrid(height, width, patchSize);
  const words = Math.ceil((height * width * channels) / 4);
  if (pixels.dtype !== 'int32' || pixels.shape[1] !== words)
    throw new Error(
      `patchifyBytes takes int32 [batch, ${words}] for images of ${height}x${width}x${channels}, got ${pixels.dtype} [${pixels.shape}]`,
    );
  if (levels.shape[1] !== 256 || levels.shape[0] > channels)
    throw new Error(
      `patchifyBytes takes levels [channel, 256] for at most ${channels} channel(s), got [${levels.shape}]`,
    );
  const [patchHeight, patchWidth] = patchSize;
  const attrs = { height, width, channels, patchHeight, patchWidth };
  return patchifyBytesKernel({ pixels, levels }, attrs)[0] as tf.Tensor3D;
}
