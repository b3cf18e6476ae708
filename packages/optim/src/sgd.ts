import * as tf from '@tensorflow/tfjs-core';
import { type Optimizer, type Treatments, treatmentOf } from './optimizer.js';
import type { Schedule } from './schedule.js';
import { tensorAt, zerosLike } from './state.js';

/** Options of {@link sgd}. */
export interface SgdOptions {
  readonly schedule: Schedule;
  readonly treatments: Treatments;
  readonly momentum?: number;
}

/** SGD with momentum and L2 weight decay, as PyTorch's: buffer = momentum * buffer + gradient. */
export function sgd({ schedule, treatments, momentum = 0.9 }: SgdOptions): Optimizer {
  return momentumRule('sgd', schedule, momentum, (param, grad, path) => {
    const { lrScale, weightDecay } = treatmentOf(treatments, path);
    return { step: tf.add(grad, tf.mul(param, weightDecay)), lrScale };
  });
}

/**
 * The frame of SGD and LARS: a direction for each parameter, gathered in a momentum buffer, times the
 * learning rate.
 */
export function momentumRule(
  name: string,
  schedule: Schedule,
  momentum: number,
  direction: (param: tf.Tensor, grad: tf.Tensor, path: string) => { step: tf.Tensor; lrScale: number },
): Optimizer {
  return {
    name,
    init: (params) => ({ momentum: zerosLike(params) }),
    numbers: (step) => ({ lr: schedule(step) }),
    update: ({ params, grads, state, scalars, gradScale }) => {
      const next = { params: {}, momentum: {} } as Record<'params' | 'momentum', Record<string, tf.Tensor>>;
      for (const [path, param] of Object.entries(params)) {
        const buffer = tensorAt(state['momentum']!, path, 'momentum');
        const [updated, gathered] = tf.tidy(() => {
          const grad = tf.mul(tensorAt(grads, path, 'gradient'), gradScale);
          const { step, lrScale } = direction(param, grad, path);
          const sum = tf.add(tf.mul(buffer, momentum), step);
          const next = tf.sub(param, tf.mul(sum, tf.mul(scalars['lr']!, lrScale)));
          const skipped = tf.equal(gradScale, 0);
          return [tf.where(skipped, param, next), tf.where(skipped, buffer, sum)];
        }) as [tf.Tensor, tf.Tensor];
        next.params[path] = updated;
        next.momentum[path] = gathered;
      }
      return { params: next.params, state: { momentum: next.momentum } };
    },
  };
}
