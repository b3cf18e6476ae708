import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';
import { linearBackward, linearForward, linearForwardPlus } from '../linear/gradient.js';
import { assertWidth, type Linear } from '../linear/linear.js';
import { linearBackwardTimes, linearGelu } from './gradient.js';

/**
 * A transformer's MLP: GELU(x W1ᵀ + b1) W2ᵀ + b2. The same as `linear`, `gelu` and `linear`, in fewer passes
 * over the hidden layer.
 * @param x [..., in]
 * @param residual [..., out], added to the result: the other branch of a residual connection
 * @returns [..., out]
 * @throws when widths do not fit.
 */
export function mlp<T extends tf.Tensor>(fc1: Linear, fc2: Linear, x: T, residual?: T): T {
  assertWidth('mlp', x, fc1);
  if (fc2.weight.shape[1] !== fc1.weight.shape[0])
    throw new Error(`mlp: fc1 makes ${fc1.weight.shape[0]} features, but fc2 takes ${fc2.weight.shape[1]}`);
  const params = [fc1.weight, fc1.bias, fc2.weight, fc2.bias];
  return differentiable<T>(
    residual === undefined ? [x, ...params] : [x, ...params, residual],
    () => {
      const [hidden, derivative] = linearGelu({ x, ...fc1 }, {}) as [tf.Tensor, tf.Tensor];
      const inputs = { x: hidden, weight: fc2.weight, bias: fc2.bias };
      const [y] =
        residual === undefined ? linearForward(inputs, {}) : linearForwardPlus({ ...inputs, residual }, {});
      return { value: y as T, saved: [x, fc1.weight, hidden, derivative, fc2.weight] };
    },
    (dy, saved) => {
      const [input, weight1, hidden, derivative, weight2] = saved as [
        tf.Tensor,
        tf.Tensor2D,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor2D,
      ];
      const [dhidden, ...grads2] = linearBackwardTimes(
        { dy, x: hidden, weight: weight2, factor: derivative },
        {},
      );
      const grads1 = linearBackward({ dy: dhidden!, x: input, weight: weight1 }, { inputFixed: false });
      dhidden!.dispose();
      return residual === undefined ? [...grads1, ...grads2] : [...grads1, ...grads2, tf.clone(dy)];
    },
  );
}
