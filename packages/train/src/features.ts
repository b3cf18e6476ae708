import { tidy } from '@maehem/backend';
import type { ModelImages } from '@maehem/data';
import { encode, type MaeConfig, type MaeEncoder } from '@maehem/mae';
import * as tf from '@tensorflow/tfjs-core';
import { patchesOf, uploadImages } from './device-images.js';

/** How tokens become one feature vector: the class token, or the mean over patch tokens. */
export type FeaturePooling = 'class' | 'mean';

/** Feature vectors of images: `values` is [length, dim], row-major. */
export interface Features {
  readonly values: Float32Array;
  readonly dim: number;
  readonly length: number;
  readonly labels?: Int32Array;
}

/** Images on the host, [batch, height, width, channel], with their labels: bytes, or normalised numbers. */
export type ImageBatch = ModelImages & { readonly labels?: Int32Array };

/**
 * Encoder output of one batch, pooled: [batch, dim]. Without masking, without gradients.
 * @param patches [batch, token, patch values], of whole images
 */
export function poolFeatures(
  params: MaeEncoder,
  config: MaeConfig,
  patches: tf.Tensor3D,
  pooling: FeaturePooling,
): tf.Tensor2D {
  return tidy(() => {
    const latent = encode(params, patches, config);
    const [batch, tokens, dim] = latent.shape;
    if (pooling === 'class')
      return tf.reshape(tf.slice(latent, [0, 0, 0], [batch, 1, dim]), [batch, dim]) as tf.Tensor2D;
    return tf.mean(tf.slice(latent, [0, 1, 0], [batch, tokens - 1, dim]), 1) as tf.Tensor2D;
  });
}

/**
 * Features of a whole data set.
 * @param batches host batches of any size; labels are gathered when every batch has them.
 * @throws when a batch is not a whole number of images of the model's size.
 */
export async function extractFeatures(
  params: MaeEncoder,
  config: MaeConfig,
  batches: AsyncIterable<ImageBatch> | Iterable<ImageBatch>,
  pooling: FeaturePooling = 'mean',
): Promise<Features> {
  const [height, width] = config.imageSize;
  const parts: Float32Array[] = [];
  const labels: Int32Array[] = [];
  for await (const batch of batches) {
    const count = batch.images.length / (height * width * config.channels);
    if (!Number.isInteger(count))
      throw new Error(
        `features: a batch of ${batch.images.length} values is not a whole number of images of ${height}x${width}x${config.channels}`,
      );
    const features = tidy(() =>
      poolFeatures(params, config, patchesOf(uploadImages(batch, config, count), config), pooling),
    );
    parts.push((await features.data()) as Float32Array);
    features.dispose();
    if (batch.labels !== undefined) labels.push(batch.labels);
  }
  const values = concatenate(parts, Float32Array);
  const length = values.length / config.dim;
  const allLabels = concatenate(labels, Int32Array);
  return { values, dim: config.dim, length, ...(allLabels.length === length ? { labels: allLabels } : {}) };
}

function concatenate<A extends Float32Array | Int32Array>(
  parts: readonly A[],
  type: new (length: number) => A,
): A {
  const all = new type(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
