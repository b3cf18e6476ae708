import * as tf from '@tensorflow/tfjs-core';
import { type Optimizer, type Treatments, treatmentOf } from './optimizer.js';
import type { Schedule } from './schedule.js';
import { momentumRule } from './sgd.js';

/** Options of {@link lars}. */
export interface LarsOptions {
  readonly schedule: Schedule;
  readonly treatments: Treatments;
  readonly momentum?: number;
  /** How far a step may move a weight, as a fraction of its norm. */
  readonly trust?: number;
}

/**
 * LARS (You et al. 2017) as the reference's linear probe uses it: weight decay and the trust ratio for
 * parameters of more than one axis, plain momentum for the rest.
 */
export function lars({ schedule, treatments, momentum = 0.9, trust = 0.001 }: LarsOptions): Optimizer {
  return momentumRule('lars', schedule, momentum, (param, grad, path) => {
    const { lrScale, weightDecay } = treatmentOf(treatments, path);
    if (param.rank <= 1) return { step: grad, lrScale };
    const decayed = tf.add(grad, tf.mul(param, weightDecay));
    return { step: tf.mul(decayed, trustRatio(param, decayed, trust)), lrScale };
  });
}

/** trust * |param| / |update|, or 1 where either norm is zero. */
function trustRatio(param: tf.Tensor, update: tf.Tensor, trust: number): tf.Tensor {
  const paramNorm = tf.sqrt(tf.sum(tf.square(param)));
  const updateNorm = tf.sqrt(tf.sum(tf.square(update)));
  const product = tf.mul(paramNorm, updateNorm);
  // Where the product is zero the quotient is replaced, and its divisor must not be zero either.
  const isZero = tf.cast(tf.equal(product, 0), 'float32');
  const ratio = tf.div(tf.mul(paramNorm, trust), tf.add(updateNorm, isZero));
  return tf.add(tf.mul(ratio, tf.sub(1, isZero)), isZero);
}
