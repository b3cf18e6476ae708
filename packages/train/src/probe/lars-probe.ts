import { dispose, tidy } from '@maehem/backend';
import { type Linear, linear } from '@maehem/kernels';
import { smoothTargets, softmaxCrossEntropy } from '@maehem/losses';
import { lars, linearScaledLr, warmupCosine } from '@maehem/optim';
import { fold, type Key, permutation } from '@maehem/random';
import { normalInit } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import type { Features } from '../features.js';
import { createTrainer } from '../trainer.js';
import { accuracyOf, assertProbeSets, type ProbeResult } from './probe-sets.js';

/** Options of {@link larsProbe}; the defaults are the paper's (table 10), save for the batch. */
export interface LarsProbeOptions {
  readonly classes: number;
  readonly key: Key;
  /** Default 90. */
  readonly epochs?: number;
  /** Default 16,384, or half of the training images where there are fewer than twice as many. */
  readonly batch?: number;
  /** For a batch of 256. Default 0.1. */
  readonly baseLr?: number;
  /** Default 10. */
  readonly warmupEpochs?: number;
}

/** Share of the newest batch in the running statistics, and what is added to variances: the reference's BatchNorm1d. */
const BN_MOMENTUM = 0.1;
const BN_EPS = 1e-6;

/**
 * The paper's linear probe (He et al. 2021, appendix A.1, table 10; the reference's `main_linprobe.py`): batch
 * normalisation without affine parameters, then a linear classifier, trained by LARS with momentum 0.9 under a cosine
 * schedule, without weight decay.
 * @param train features by epoch, in one order of images: the paper's augmentation gives others each time; without it,
 *   the same can be given again
 * @throws when labels are missing or none of the classes, a set is empty, or the sets differ in width.
 */
export async function larsProbe(
  train: (epoch: number) => Features | Promise<Features>,
  test: Features,
  options: LarsProbeOptions,
): Promise<ProbeResult> {
  const { classes, key, epochs = 90, baseLr = 0.1, warmupEpochs = 10 } = options;
  let features = await train(0);
  assertProbeSets(features, test, classes);
  const { dim, length, labels } = features;
  const batch = Math.min(
    options.batch ?? 16_384,
    options.batch === undefined ? Math.max(1, length >> 1) : length,
  );
  const stepsPerEpoch = Math.floor(length / batch);
  const schedule = warmupCosine({
    baseLr: linearScaledLr(baseLr, batch),
    ...{ warmupSteps: warmupEpochs * stepsPerEpoch, totalSteps: epochs * stepsPerEpoch },
  });
  const undecayed = { lrScale: 1, weightDecay: 0 };
  const trainer = createTrainer<Linear, { x: tf.Tensor2D; y: tf.Tensor2D }>(
    {
      objective: { loss: (head, { x, y }) => softmaxCrossEntropy(linear(head, x), y), trainable: () => true },
      optimizer: lars({ schedule, treatments: { weight: undecayed, bias: undecayed } }),
      ...{ accumulate: 1, clipNorm: null },
    },
    { params: { weight: normalInit(fold(key, 'head'), [classes, dim], 0.01), bias: tf.zeros([classes]) } },
  );
  const targets = smoothTargets(labels, classes);
  const norm = batchNorm(dim);
  let loss = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    if (epoch > 0) features = await train(epoch);
    const order = permutation(fold(fold(key, 'order'), epoch), length);
    loss = 0;
    for (let step = 0; step < stepsPerEpoch; step++) {
      const chosen = order.subarray(step * batch, (step + 1) * batch);
      const data = {
        x: tf.tensor2d(norm.train(gatherRows(features.values, chosen, dim)), [batch, dim]),
        y: tf.tensor2d(gatherRows(targets, chosen, classes), [batch, classes]),
      };
      loss += (await trainer.step([data])).loss / stepsPerEpoch;
      dispose(data);
    }
  }
  const accuracy = async ({ values, length: count }: Features, truth: Int32Array): Promise<number> => {
    const logits = tidy(() => linear(trainer.params(), tf.tensor2d(norm.test(values), [count, dim])));
    const found = (await logits.data()) as Float32Array;
    logits.dispose();
    return accuracyOf(found, truth);
  };
  const result = {
    ...{
      accuracy: await accuracy(test, test.labels!),
      trainAccuracy: await accuracy(features, labels),
      loss,
    },
  };
  trainer.dispose();
  return result;
}

/** Batch normalisation without affine parameters, on the host: features are data, nothing is differentiated. */
function batchNorm(dim: number): {
  /** By the batch's own statistics, which also move the running ones. */
  train(values: Float32Array): Float32Array;
  /** By the running statistics. */
  test(values: Float32Array): Float32Array;
} {
  const runningMean = new Float64Array(dim);
  const runningVariance = new Float64Array(dim).fill(1);
  const normalise = (values: Float32Array, mean: Float64Array, variance: Float64Array): Float32Array =>
    values.map((value, i) => (value - mean[i % dim]!) / Math.sqrt(variance[i % dim]! + BN_EPS));
  return {
    train: (values) => {
      const rows = values.length / dim;
      const mean = new Float64Array(dim);
      const variance = new Float64Array(dim);
      for (let i = 0; i < values.length; i++) mean[i % dim]! += values[i]! / rows;
      for (let i = 0; i < values.length; i++) variance[i % dim]! += (values[i]! - mean[i % dim]!) ** 2 / rows;
      const unbiased = rows / Math.max(1, rows - 1);
      for (let f = 0; f < dim; f++) {
        runningMean[f]! += BN_MOMENTUM * (mean[f]! - runningMean[f]!);
        runningVariance[f]! += BN_MOMENTUM * (variance[f]! * unbiased - runningVariance[f]!);
      }
      return normalise(values, mean, variance);
    },
    test: (values) => normalise(values, runningMean, runningVariance),
  };
}

function gatherRows(values: Float32Array, rows: Uint32Array, dim: number): Float32Array {
  const out = new Float32Array(rows.length * dim);
  for (const [at, row] of rows.entries()) out.set(values.subarray(row * dim, (row + 1) * dim), at * dim);
  return out;
}
