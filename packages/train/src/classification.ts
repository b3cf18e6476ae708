import { tidy } from '@maehem/backend';
import { type Classifier, type ClassifierConfig, classify } from '@maehem/vit';
import { patchesOf, uploadImages } from './device-images.js';
import type { ImageBatch } from './features.js';

/** How well a classifier does on labelled images. */
export interface Classification {
  readonly images: number;
  /** Fraction of images whose most probable class is theirs, in [0, 1]. */
  readonly accuracy: number;
  /** Fraction of images whose class is among the five most probable ones. */
  readonly top5: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
}

/**
 * Classify labelled images.
 * @param batches host batches of any size
 * @throws when a batch has no labels, or there is none.
 */
export async function evaluateClassifier(
  params: Classifier,
  config: ClassifierConfig,
  batches: AsyncIterable<ImageBatch> | Iterable<ImageBatch>,
): Promise<Classification> {
  const sums = { images: 0, right: 0, inFive: 0, loss: 0 };
  for await (const batch of batches) {
    const { labels } = batch;
    if (labels === undefined) throw new Error('a classifier is evaluated on labelled images');
    const logits = tidy(() =>
      classify(params, patchesOf(uploadImages(batch, config, labels.length), config), config),
    );
    const values = (await logits.data()) as Float32Array;
    logits.dispose();
    for (const [sample, label] of labels.entries()) {
      const row = values.subarray(sample * config.classes, (sample + 1) * config.classes);
      const rank = rankOf(row, label);
      sums.images++;
      if (rank < 1) sums.right++;
      if (rank < 5) sums.inFive++;
      sums.loss += crossEntropy(row, label);
    }
  }
  const { images, right, inFive, loss } = sums;
  if (images === 0) throw new Error('a classifier is evaluated on at least one image');
  return { images, accuracy: right / images, top5: inFive / images, loss: loss / images };
}

/** Classes that are more probable than this one. */
function rankOf(logits: Float32Array, label: number): number {
  let rank = 0;
  for (const [other, logit] of logits.entries())
    if (logit > logits[label]! || (logit === logits[label]! && other < label)) rank++;
  return rank;
}

function crossEntropy(logits: Float32Array, label: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b));
  return most - logits[label]! + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
}
