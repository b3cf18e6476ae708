import { mlp as fusedMlp, type Linear } from '@maehem/kernels';
import { fold, type Key } from '@maehem/random';
import type * as tf from '@tensorflow/tfjs-core';
import { initLinear } from './linear.js';

/** Two linear layers around an exact GELU: fc1 [hidden, dim], fc2 [dim, hidden]. */
export type Mlp = { readonly fc1: Linear; readonly fc2: Linear };

/** A fresh MLP. */
export function initMlp(key: Key, dim: number, hidden: number): Mlp {
  return { fc1: initLinear(fold(key, 'fc1'), dim, hidden), fc2: initLinear(fold(key, 'fc2'), hidden, dim) };
}

/** x [batch, token, dim] → [batch, token, dim], plus the residual of that shape if there is one. */
export function mlp(params: Mlp, x: tf.Tensor3D, residual?: tf.Tensor3D): tf.Tensor3D {
  return fusedMlp(params.fc1, params.fc2, x, residual);
}
