import { adamw as adamwKernel } from '@maehem/kernels';
import type * as tf from '@tensorflow/tfjs-core';
import { type Optimizer, type Treatments, treatmentOf } from './optimizer.js';
import type { Schedule } from './schedule.js';
import { tensorAt, zerosLike } from './state.js';

/** Options of {@link adamw}. The defaults are the paper's for pretraining (table 8). */
export interface AdamwOptions {
  readonly schedule: Schedule;
  readonly treatments: Treatments;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
}

/** AdamW (Loshchilov & Hutter 2019) with PyTorch's arithmetic: betas 0.9 / 0.95, eps 1e-8. */
export function adamw({
  schedule,
  treatments,
  beta1 = 0.9,
  beta2 = 0.95,
  eps = 1e-8,
}: AdamwOptions): Optimizer {
  return {
    name: 'adamw',
    init: (params) => ({ m: zerosLike(params), v: zerosLike(params) }),
    numbers: (step) => ({
      lr: schedule(step),
      correction1: 1 - beta1 ** (step + 1),
      correction2: 1 - beta2 ** (step + 1),
    }),
    update: ({ params, grads, state, scalars, gradScale }) => {
      const { lr, correction1, correction2 } = scalars as {
        lr: tf.Scalar;
        correction1: tf.Scalar;
        correction2: tf.Scalar;
      };
      const next = { params: {}, m: {}, v: {} } as Record<'params' | 'm' | 'v', Record<string, tf.Tensor>>;
      for (const [path, param] of Object.entries(params)) {
        const moments = {
          m: tensorAt(state['m']!, path, 'first moment'),
          v: tensorAt(state['v']!, path, 'second moment'),
        };
        const grad = tensorAt(grads, path, 'gradient');
        const inputs = { param, ...moments, grad, lr, correction1, correction2, gradScale };
        const [updated, m, v] = adamwKernel(inputs, { beta1, beta2, eps, ...treatmentOf(treatments, path) });
        next.params[path] = updated!;
        next.m[path] = m!;
        next.v[path] = v!;
      }
      return { params: next.params, state: { m: next.m, v: next.v } };
    },
  };
}
