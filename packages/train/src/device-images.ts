import { byteLevels, type ModelImages } from '@maehem/data';
import { patchify, patchifyBytes, uploadBytes } from '@maehem/patches';
import type { VitConfig } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';

/** What a model's images are, and how they are cut. */
type ImageForm = Pick<VitConfig, 'imageSize' | 'channels' | 'patchSize'>;

/**
 * A batch of images on the device. Bytes are cut and normalised where they are needed, in the step itself: they are a
 * quarter of what numbers take on the way there, and a captured step copies no more than them.
 */
export type DeviceImages =
  | {
      /** int32 [batch, word]: four bytes to an entry, as `uploadBytes` has them. */
      readonly pixels: tf.Tensor2D;
      /** [channel, 256]: the number that each byte stands for. */
      readonly levels: tf.Tensor2D;
    }
  | {
      /** [batch, token, patch values] */
      readonly patches: tf.Tensor3D;
    };

/**
 * Put images on the device: bytes as they are, numbers cut into patches.
 * @param images [batch, height, width, channel] of a model's images
 * @param batch how many there are
 */
export function uploadImages(images: ModelImages, form: ImageForm, batch: number): DeviceImages {
  const { imageSize, channels, patchSize } = form;
  if (images.normalisation !== undefined)
    return {
      pixels: uploadBytes(images.images, batch),
      levels: tf.tensor2d(byteLevels(images.normalisation, channels), [channels, 256]),
    };
  return tf.tidy(() => ({
    patches: patchify(tf.tensor4d(images.images, [batch, ...imageSize, channels]), patchSize),
  }));
}

/** The patches of images, [batch, token, patch values]. */
export function patchesOf(images: DeviceImages, { imageSize, channels, patchSize }: ImageForm): tf.Tensor3D {
  if ('patches' in images) return images.patches;
  return patchifyBytes(images.pixels, [...imageSize, channels], patchSize, images.levels);
}
