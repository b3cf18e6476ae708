import { smoothTargets } from '@maehem/losses';
import type { Features } from '../features.js';

/** Features with a label each. */
export type LabelledFeatures = Required<Features>;

/** How well a classifier on frozen features does. */
export interface ProbeResult {
  /** Fraction of held-out images that are classified right, in [0, 1]. */
  readonly accuracy: number;
  readonly trainAccuracy: number;
  /** Cross-entropy of the training images at the end, without any penalty. */
  readonly loss: number;
}

/** @throws when labels are missing or none of the classes, a set is empty, or the sets differ in width. */
export function assertProbeSets(
  train: Features,
  test: Features,
  classes: number,
): asserts train is LabelledFeatures {
  if (train.labels === undefined || test.labels === undefined)
    throw new Error('a probe needs labelled images');
  if (train.length === 0 || test.length === 0) throw new Error('a probe needs training and test images');
  if (train.dim !== test.dim)
    throw new Error(
      `a probe needs features of one width, got ${train.dim} for training and ${test.dim} for testing`,
    );
  // Labels that are no class are refused: among the test images they would only count as errors.
  for (const { labels } of [train, test]) smoothTargets(labels!, classes);
}

/** Subtract the mean and divide by the deviation of each feature of a fitting set. */
export function fitStandardiser(fit: Features): (features: Features) => Float32Array {
  const { dim, length, values } = fit;
  const mean = new Float64Array(dim);
  const square = new Float64Array(dim);
  for (let i = 0; i < values.length; i++) mean[i % dim]! += values[i]! / length;
  for (let i = 0; i < values.length; i++) square[i % dim]! += (values[i]! - mean[i % dim]!) ** 2 / length;
  return (features) =>
    features.values.map((value, i) => (value - mean[i % dim]!) / Math.sqrt(square[i % dim]! + 1e-6));
}

/** Fraction of rows whose largest logit is the label's. @param logits [row, class] */
export function accuracyOf(logits: Float32Array, labels: Int32Array): number {
  const classes = logits.length / labels.length;
  let right = 0;
  for (const [sample, label] of labels.entries()) {
    let best = 0;
    for (let c = 1; c < classes; c++)
      if (logits[sample * classes + c]! > logits[sample * classes + best]!) best = c;
    if (best === label) right++;
  }
  return right / labels.length;
}
