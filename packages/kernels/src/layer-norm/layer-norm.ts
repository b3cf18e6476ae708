import type * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';
import { layerNormBackward, layerNormForward } from './gradient.js';

/** Scale and shift of a layer norm: weight [features], bias [features]. */
export type LayerNorm = { readonly weight: tf.Tensor1D; readonly bias: tf.Tensor1D };

/** The eps of the reference implementation's norms (`partial(nn.LayerNorm, eps=1e-6)`). */
export const LAYER_NORM_EPS = 1e-6;

/**
 * Layer norm over the last axis.
 * @param x [..., features]
 * @returns like x
 */
export function layerNorm<T extends tf.Tensor>(params: LayerNorm, x: T, eps: number = LAYER_NORM_EPS): T {
  const { weight, bias } = params;
  return differentiable<T>(
    [x, weight, bias],
    () => {
      const [y, mean, rstd] = layerNormForward({ x, weight, bias }, { eps }) as [T, tf.Tensor1D, tf.Tensor1D];
      return { value: y, saved: [x, weight, mean, rstd] };
    },
    (dy, saved) => {
      const [input, w, mean, rstd] = saved as [tf.Tensor, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
      return layerNormBackward({ dy, x: input, weight: w, mean, rstd }, {});
    },
  );
}
