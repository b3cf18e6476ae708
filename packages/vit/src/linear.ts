import type { LayerNorm, Linear } from '@maehem/kernels';
import type { Key } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { xavierUniform } from './initializers.js';

/** A fresh linear layer: weight [out, in] Xavier-uniform, bias zero. */
export function initLinear(key: Key, inputs: number, outputs: number): Linear {
  return { weight: xavierUniform(key, [outputs, inputs]) as tf.Tensor2D, bias: tf.zeros([outputs]) };
}

/** A fresh layer norm: weight one, bias zero. */
export function initLayerNorm(features: number): LayerNorm {
  return { weight: tf.ones([features]), bias: tf.zeros([features]) };
}
