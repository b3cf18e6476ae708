import { dispose, tidy, valueAndGrad } from '@maehem/backend';
import { type Linear, linear } from '@maehem/kernels';
import { smoothTargets, softmaxCrossEntropy } from '@maehem/losses';
import { adamw, type OptimizerState, type StepScalars, warmupCosine } from '@maehem/optim';
import { fold, type Key, permutation } from '@maehem/random';
import { map } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import type { Features } from './features.js';

/** Options of {@link linearProbe}. */
export interface LinearProbeOptions {
  readonly classes: number;
  readonly epochs?: number;
  readonly batch?: number;
  readonly lr?: number;
  readonly weightDecay?: number;
  readonly key: Key;
}

/** How well a linear classifier on frozen features does. */
export interface ProbeResult {
  /** Fraction of held-out images that are classified right, in [0, 1]. */
  readonly accuracy: number;
  readonly trainAccuracy: number;
  /** Mean cross-entropy of the last epoch. */
  readonly loss: number;
}

/**
 * A linear probe: softmax regression on frozen features (He et al. 2021, appendix A.1). Features are
 * standardised with the training set's mean and deviation, which is the paper's batch norm without affine
 * parameters; trained with AdamW under a cosine schedule instead of LARS, which wants batches of 16,384.
 * @throws when labels are missing or none of the classes, a set is empty, or the sets differ in width.
 */
export async function linearProbe(
  train: Features,
  test: Features,
  options: LinearProbeOptions,
): Promise<ProbeResult> {
  const { classes, epochs = 50, batch = 256, lr = 5e-3, weightDecay = 1e-3, key } = options;
  if (train.labels === undefined || test.labels === undefined)
    throw new Error('a probe needs labelled images');
  if (train.length === 0 || test.length === 0) throw new Error('a probe needs training and test images');
  if (train.dim !== test.dim)
    throw new Error(
      `a probe needs features of one width, got ${train.dim} for training and ${test.dim} for testing`,
    );
  const targets = smoothTargets(train.labels, classes);
  // Labels that are no class are refused here too: they would only count as errors.
  smoothTargets(test.labels, classes);
  const standardise = fitStandardiser(train);
  const inputs = standardise(train);
  const size = Math.min(batch, train.length);
  const stepsPerEpoch = Math.floor(train.length / size);
  const totalSteps = epochs * stepsPerEpoch;
  const optimizer = adamw({
    schedule: warmupCosine({ baseLr: lr, minLr: 0, warmupSteps: stepsPerEpoch, totalSteps }),
    treatments: { weight: { lrScale: 1, weightDecay }, bias: { lrScale: 1, weightDecay: 0 } },
    beta2: 0.999,
  });
  let params: Linear = { weight: tf.zeros([classes, train.dim]), bias: tf.zeros([classes]) };
  let state = optimizer.init(params);
  const gradScale = tf.scalar(1);
  let loss = 0;
  let order: Uint32Array = new Uint32Array();
  for (let step = 0; step < totalSteps; step++) {
    if (step % stepsPerEpoch === 0) {
      order = permutation(fold(key, step / stepsPerEpoch), train.length);
      loss = 0;
    }
    const start = (step % stepsPerEpoch) * size;
    const chosen = order.subarray(start, start + size);
    const x = tf.tensor2d(gatherRows(inputs, chosen, train.dim), [size, train.dim]);
    const y = tf.tensor2d(gatherRows(targets, chosen, classes), [size, classes]);
    const scalars = map(optimizer.numbers(step), (value: number) =>
      tf.scalar(value),
    ) as unknown as StepScalars;
    const next = tidy(() => {
      const { value, grads } = valueAndGrad((p) => softmaxCrossEntropy(linear(p, x), y), params);
      const updated = optimizer.update({ params, grads, state, scalars, gradScale });
      return { value, params: updated.params as unknown as Linear, state: updated.state as OptimizerState };
    });
    loss += next.value.dataSync()[0]! / stepsPerEpoch;
    for (const old of [params, state, scalars]) dispose(old);
    tf.dispose([x, y, next.value]);
    params = next.params;
    state = next.state;
  }
  const result = {
    accuracy: accuracyOf(params, standardise(test), test.labels),
    trainAccuracy: accuracyOf(params, inputs, train.labels),
    loss,
  };
  for (const old of [params, state, { gradScale }]) dispose(old);
  return result;
}

/** Subtract the mean and divide by the deviation of each feature of a fitting set. */
function fitStandardiser(fit: Features): (features: Features) => Float32Array {
  const { dim, length, values } = fit;
  const mean = new Float64Array(dim);
  const square = new Float64Array(dim);
  for (let i = 0; i < values.length; i++) mean[i % dim]! += values[i]! / length;
  for (let i = 0; i < values.length; i++) square[i % dim]! += (values[i]! - mean[i % dim]!) ** 2 / length;
  return (features) =>
    features.values.map((value, i) => (value - mean[i % dim]!) / Math.sqrt(square[i % dim]! + 1e-6));
}

function gatherRows(values: Float32Array, rows: Uint32Array, dim: number): Float32Array {
  const out = new Float32Array(rows.length * dim);
  for (const [at, row] of rows.entries()) out.set(values.subarray(row * dim, (row + 1) * dim), at * dim);
  return out;
}

/** Fraction of rows whose largest logit is the label's. */
function accuracyOf(params: Linear, inputs: Float32Array, labels: Int32Array): number {
  const classes = params.weight.shape[0];
  const logits = tidy(() => linear(params, tf.tensor2d(inputs, [labels.length, params.weight.shape[1]])));
  const values = logits.dataSync();
  logits.dispose();
  let right = 0;
  for (let sample = 0; sample < labels.length; sample++) {
    let best = 0;
    for (let c = 1; c < classes; c++)
      if (values[sample * classes + c]! > values[sample * classes + best]!) best = c;
    if (best === labels[sample]) right++;
  }
  return right / labels.length;
}
