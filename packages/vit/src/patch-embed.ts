import { differentiable, linear, reshape } from '@maehem/kernels';
import type { Key } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { xavierUniform } from './initializers.js';

/** The reference's convolution of stride = kernel size: weight [dim, channel, height, width], bias [dim]. */
export type PatchEmbed = { readonly proj: { readonly weight: tf.Tensor4D; readonly bias: tf.Tensor1D } };

/** A fresh patch embedding, Xavier-uniform as a matrix [dim, channel * height * width]. */
export function initPatchEmbed(
  key: Key,
  patch: readonly [number, number],
  channels: number,
  dim: number,
): PatchEmbed {
  const weight = xavierUniform(key, [dim, channels, patch[0], patch[1]]) as tf.Tensor4D;
  return { proj: { weight, bias: tf.zeros([dim]) } };
}

/**
 * Embed patches: a convolution with stride = kernel size is one matrix product on flattened patches.
 * @param patches [batch, token, height * width * channel], pixels in (row, column, channel) order; data, no
 * gradient.
 * @returns [batch, token, dim]
 */
export function patchEmbed(params: PatchEmbed, patches: tf.Tensor3D): tf.Tensor3D {
  const { weight, bias } = params.proj;
  return linear({ weight: pixelOrder(weight), bias }, patches, { inputFixed: true });
}

/** [dim, channel, height, width] → [dim, height * width * channel], the order in which patches are cut. */
function pixelOrder(weight: tf.Tensor4D): tf.Tensor2D {
  const [dim, channels, height, width] = weight.shape;
  const grouped = reshape<tf.Tensor3D>(weight, [dim, channels, height * width]);
  const swapped = differentiable<tf.Tensor3D>(
    [grouped],
    () => ({ value: tf.transpose(grouped, [0, 2, 1]), saved: [] }),
    (dy) => [tf.transpose(dy, [0, 2, 1])],
  );
  return reshape<tf.Tensor2D>(swapped, [dim, height * width * channels]);
}
