import * as tf from '@tensorflow/tfjs-core';
import { geluReference } from '../gelu/reference.js';
import type { Linear } from '../linear/linear.js';
import { linearReference } from '../linear/reference.js';

/** GELU(x W1ᵀ + b1) W2ᵀ + b2, and on top of it the residual, if there is one. */
export function mlpReference(fc1: Linear, fc2: Linear, x: tf.Tensor, residual?: tf.Tensor): tf.Tensor {
  const hidden = geluReference(linearReference(x, fc1.weight, fc1.bias));
  const y = linearReference(hidden, fc2.weight, fc2.bias);
  return residual === undefined ? y : tf.add(y, residual);
}
