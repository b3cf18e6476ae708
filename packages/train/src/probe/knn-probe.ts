import { tidy } from '@maehem/backend';
import * as tf from '@tensorflow/tfjs-core';
import type { Features } from '../features.js';
import { assertProbeSets } from './probe-sets.js';

/** Options of {@link knnProbe}. */
export interface KnnProbeOptions {
  readonly classes: number;
  /** Numbers of neighbours to try. Default 20 and 200. */
  readonly k?: readonly number[];
  /** Votes weigh exp(similarity / temperature). Default 0.07. */
  readonly temperature?: number;
}

/** Accuracy for a number of neighbours. */
export interface KnnResult {
  readonly k: number;
  readonly accuracy: number;
}

/** Test images whose similarities are computed at a time. */
const CHUNK = 100;

/**
 * Weighted nearest-neighbour classification (Wu et al. 2018; DINO's protocol): cosine similarity of frozen features,
 * the k most similar training images vote. Nothing is trained.
 * @throws when labels are missing or none of the classes, a set is empty, or the sets differ in width.
 */
export async function knnProbe(
  train: Features,
  test: Features,
  { classes, k = [20, 200], temperature = 0.07 }: KnnProbeOptions,
): Promise<KnnResult[]> {
  assertProbeSets(train, test, classes);
  for (const count of k)
    if (!Number.isSafeInteger(count) || count < 1)
      throw new Error(`the number of neighbours must be a whole number of at least 1, got ${count}`);
  const most = Math.min(train.length, Math.max(...k));
  const right = new Array<number>(k.length).fill(0);
  const bank = tf.tensor2d(unitRows(train), [train.length, train.dim]);
  const queries = unitRows(test);
  for (let start = 0; start < test.length; start += CHUNK) {
    const rows = Math.min(CHUNK, test.length - start);
    const chunk = queries.subarray(start * test.dim, (start + rows) * test.dim);
    const similarity = tidy(() => tf.matMul(tf.tensor2d(chunk, [rows, test.dim]), bank, false, true));
    const values = (await similarity.data()) as Float32Array;
    similarity.dispose();
    for (let row = 0; row < rows; row++) {
      const own = values.subarray(row * train.length, (row + 1) * train.length);
      const nearest = mostSimilar(own, most);
      for (const [index, count] of k.entries()) {
        const votes = new Float64Array(classes);
        for (const neighbour of nearest.subarray(0, count))
          votes[train.labels[neighbour]!]! += Math.exp(own[neighbour]! / temperature);
        if (votes.indexOf(votes.reduce((a, b) => Math.max(a, b))) === test.labels![start + row])
          right[index]!++;
      }
    }
  }
  bank.dispose();
  return k.map((count, index) => ({ k: count, accuracy: right[index]! / test.length }));
}

/** Rows of length one; a row of zeros stays. */
function unitRows({ values, dim, length }: Features): Float32Array {
  const unit = values.slice();
  for (let row = 0; row < length; row++) {
    const own = unit.subarray(row * dim, (row + 1) * dim);
    const norm = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    for (let i = 0; i < dim; i++) own[i]! /= norm || 1;
  }
  return unit;
}

/** The places of the `count` largest values, largest first; of equal ones, the first. */
function mostSimilar(values: Float32Array, count: number): Uint32Array {
  return Uint32Array.from(values.keys())
    .sort((a, b) => values[b]! - values[a]! || a - b)
    .subarray(0, count);
}
