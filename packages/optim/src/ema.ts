import * as tf from '@tensorflow/tfjs-core';
import type { NamedTensors, Optimizer } from './optimizer.js';
import { tensorAt } from './state.js';

/** The slot of an optimizer's state that holds the averages. */
export const EMA_SLOT = 'ema';

/**
 * An optimizer that also keeps an exponential moving average of the weights (Polyak & Juditsky 1992; supervised
 * training in He et al. 2021, table 11, has a decay of 0.9999): average = decay * average + (1 - decay) * weight after
 * each step, begun at the initial weights. The averages are a slot of its state, so that checkpoints hold them.
 * @throws when the decay is not in [0, 1).
 */
export function withEma(optimizer: Optimizer, decay: number): Optimizer {
  if (!(decay >= 0 && decay < 1)) throw new Error(`the decay of an EMA must be in [0, 1), got ${decay}`);
  return {
    name: `${optimizer.name}+ema`,
    // Memory of their own: the weights are updated in place.
    init: (params) => ({
      ...optimizer.init(params),
      [EMA_SLOT]: eachOf(params, (param) => tf.mul(param, 1)),
    }),
    numbers: (step) => optimizer.numbers(step),
    update: (input) => {
      const { [EMA_SLOT]: averages, ...own } = input.state;
      const { params, state } = optimizer.update({ ...input, state: own });
      const next = eachOf(params, (param, path) =>
        tf.tidy(() => tf.add(tf.mul(tensorAt(averages!, path, 'average'), decay), tf.mul(param, 1 - decay))),
      );
      return { params, state: { ...state, [EMA_SLOT]: next } };
    },
  };
}

function eachOf(params: NamedTensors, fn: (param: tf.Tensor, path: string) => tf.Tensor): NamedTensors {
  return Object.fromEntries(Object.entries(params).map(([path, param]) => [path, fn(param, path)]));
}
