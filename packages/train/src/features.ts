import { tidy } from '@maehem/backend';
import { encode, type MaeConfig, type MaeEncoder } from '@maehem/mae';
import { patchify } from '@maehem/patches';
import * as tf from '@tensorflow/tfjs-core';

/** How tokens become one feature vector: the class token, or the mean over patch tokens. */
export type FeaturePooling = 'class' | 'mean';

/** Feature vectors of images: `values` is [length, dim], row-major. */
export interface Features {
  readonly values: Float32Array;
  readonly dim: number;
  readonly length: number;
  readonly labels?: Int32Array;
}

/** Images on the host: NHWC, normalised, with their labels. */
export interface ImageBatch {
  readonly images: Float32Array;
  readonly labels?: Int32Array;
}

/** Encoder output of one batch, pooled: [batch, dim]. Without masking, without gradients. */
export function poolFeatures(
  params: MaeEncoder,
  config: MaeConfig,
  images: tf.Tensor4D,
  pooling: FeaturePooling,
): tf.Tensor2D {
  return tidy(() => {
    const latent = encode(params, patchify(images, config.patchSize), config);
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
    const images = tf.tensor4d(batch.images, [count, height, width, config.channels]);
    const features = poolFeatures(params, config, images, pooling);
    parts.push((await features.data()) as Float32Array);
    tf.dispose([images, features]);
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
