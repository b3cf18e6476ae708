import { entries } from '@maehem/tree';
import type * as tf from '@tensorflow/tfjs-core';
import { gradients } from './gradients.js';
import type { TensorTree } from './params.js';

/** Gradients by the dotted path of their parameter; frozen parameters are absent. */
export type Gradients = { readonly [path: string]: tf.Tensor };

/** The value of a loss and its gradients. The caller disposes both, or runs inside a tidy. */
export type ValueAndGrad = {
  readonly value: tf.Scalar;
  readonly grads: Gradients;
};

/** Which parameters take part in training, by path; the default is all of them. */
export type Trainable = (path: string, tensor: tf.Tensor) => boolean;

/**
 * The value of `loss(params)` and its gradient for each trainable leaf.
 * Frozen leaves cost nothing: no gradient is computed for them.
 * @param scale a scalar that all gradients are multiplied with, from the start: a loss scale
 * @throws when the loss does not depend on a trainable leaf; the message names the leaves.
 */
export function valueAndGrad<Params extends TensorTree>(
  loss: (params: Params) => tf.Scalar,
  params: Params,
  trainable: Trainable = () => true,
  scale?: tf.Scalar,
): ValueAndGrad {
  const chosen = entries<tf.Tensor>(params).filter(([path, tensor]) => trainable(path, tensor));
  if (chosen.length === 0)
    throw new Error('valueAndGrad: every parameter is frozen, there is nothing to differentiate');
  const tensors = chosen.map(([, tensor]) => tensor);
  const { value, grads } = gradients(() => loss(params), tensors, scale);
  const missing = chosen.filter((_, index) => grads[index] === undefined).map(([path]) => path);
  if (missing.length > 0)
    throw new Error(
      `valueAndGrad: the loss does not depend on ${missing.join(', ')}; freeze what is not used`,
    );
  return {
    value,
    grads: Object.fromEntries(chosen.map(([path], index) => [path, grads[index] as tf.Tensor])),
  };
}
