import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';
import { linearBackward, linearForward, linearForwardPlus } from './gradient.js';

/** A fully connected layer, laid out as in PyTorch: weight [out, in], bias [out]. */
export type Linear = { readonly weight: tf.Tensor2D; readonly bias: tf.Tensor1D };

/** Options of {@link linear}. */
export interface LinearOptions {
  /** The input is data: skip its gradient. */
  readonly inputFixed?: boolean;
}

/**
 * y = x Wᵀ + b.
 * @param x [..., in]
 * @returns [..., out]
 * @throws when the last axis of x is not the layer's input width.
 */
export function linear<T extends tf.Tensor>(params: Linear, x: T, options: LinearOptions = {}): T {
  const { weight, bias } = params;
  const { inputFixed = false } = options;
  assertWidth('linear', x, params);
  return differentiable<T>(
    inputFixed ? [weight, bias] : [x, weight, bias],
    () => ({ value: linearForward({ x, weight, bias }, {})[0] as T, saved: [x, weight] }),
    (dy, [input, w]) => linearBackward({ dy, x: input!, weight: w as tf.Tensor2D }, { inputFixed }),
  );
}

/**
 * y = x Wᵀ + b + residual: a layer that ends a residual branch.
 * @param x [..., in]
 * @param residual [..., out]
 * @returns [..., out]
 * @throws when the last axis of x is not the layer's input width.
 */
export function linearPlus<T extends tf.Tensor>(params: Linear, x: T, residual: T): T {
  const { weight, bias } = params;
  assertWidth('linearPlus', x, params);
  return differentiable<T>(
    [x, weight, bias, residual],
    () => ({ value: linearForwardPlus({ x, weight, bias, residual }, {})[0] as T, saved: [x, weight] }),
    (dy, [input, w]) => [
      ...linearBackward({ dy, x: input!, weight: w as tf.Tensor2D }, { inputFixed: false }),
      tf.clone(dy),
    ],
  );
}

/** @throws when the last axis of x is not the layer's input width. */
export function assertWidth(caller: string, x: tf.Tensor, { weight }: Linear): void {
  const width = x.shape[x.rank - 1];
  if (width !== weight.shape[1])
    throw new Error(
      `${caller}: input [${x.shape}] ends in ${width}, but weight [${weight.shape}] takes ${weight.shape[1]}`,
    );
}
