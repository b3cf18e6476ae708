import type { Gradients } from '@maehem/backend';
import { accumulate, defineKernel, floats, type Kernel } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { globalNormWebGpu } from './global-norm-webgpu.js';

/** x → [sum of squares []]. */
const sumOfSquares: Kernel<{ x: tf.Tensor }, Record<string, never>> = defineKernel({
  name: 'MaehemSumOfSquares',
  host: ({ x }, _attrs, memory) => {
    const output = memory.allocate([], 'float32');
    const result = floats(memory, output);
    let sum = 0;
    for (const value of floats(memory, x)) sum += value * value;
    result[0] = sum;
    return [output];
  },
  wasm: ({ x }, _attrs, memory) => {
    const output = memory.allocate([], 'float32');
    const size = x.shape.reduce((product, n) => product * n, 1);
    floats(memory, output)[0] = memory.code.sumOfSquares(memory.address(x), size);
    return [output];
  },
  // Half the sum of squares, in one pass.
  tensorflow: ({ x }, _attrs, ops) => [ops.mul(ops.unary('L2Loss', x), 2)],
  composite: ({ x }: { x: tf.Tensor }) => tf.tidy(() => [tf.sum(tf.square(x))]),
});

/** Any number of tensors → [the root of the sum of all squares []]. */
const normOfAll: Kernel<Gradients, Record<string, never>> = defineKernel({
  name: 'MaehemGlobalNorm',
  webgpu: globalNormWebGpu,
  composite: (grads: Gradients) =>
    tf.tidy(() => [tf.sqrt(tf.addN(Object.values(grads).map((grad) => sumOfSquares({ x: grad }, {})[0]!)))]),
});

/** The norm of all gradients taken as one vector; a scalar. */
export function globalNorm(grads: Gradients): tf.Scalar {
  return normOfAll(grads, {})[0] as tf.Scalar;
}

/**
 * The factor that brings a gradient of this norm down to `maxNorm`, and at most 1; as PyTorch's
 * `clip_grad_norm_`, with 1e-6 added to the norm.
 */
export function clipScale(norm: tf.Scalar, maxNorm: number): tf.Scalar {
  if (!(maxNorm > 0)) throw new Error(`gradients are clipped to a positive norm, got ${maxNorm}`);
  return tf.tidy(() => tf.minimum(tf.div(maxNorm, tf.add(norm, 1e-6)), 1)) as tf.Scalar;
}

/**
 * Gradient accumulation: the sum of two sets of gradients, path by path. **Consumes** the first set: engines may
 * add in place, so the caller disposes it and goes on with the result.
 */
export function addGradients(gathered: Gradients, grads: Gradients): Gradients {
  return Object.fromEntries(
    Object.entries(gathered).map(([path, sum]) => {
      const x = grads[path];
      if (x === undefined) throw new Error(`accumulation: no gradient for ${path} in the second set`);
      return [path, accumulate({ sum, x }, {})[0]!];
    }),
  );
}
