import { defineKernel, floats, type Kernel } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { normPixWebGpu } from './norm-pix-webgpu.js';

/** Added to the variance of a patch, as in the reference. */
export const NORM_PIX_EPS = 1e-6;

/** → [target like patches]. */
export const normPix: Kernel<{ patches: tf.Tensor3D }, { eps: number }> = defineKernel<
  { patches: tf.Tensor3D },
  { eps: number }
>({
  name: 'MaehemNormPix',
  host: ({ patches }, { eps }, memory) => {
    const output = memory.allocate(patches.shape, 'float32');
    const target = floats(memory, output);
    const pixels = floats(memory, patches);
    const values = patches.shape[2]!;
    for (let start = 0; start < pixels.length; start += values) {
      let sum = 0;
      for (let i = start; i < start + values; i++) sum += pixels[i]!;
      const mean = sum / values;
      let squares = 0;
      for (let i = start; i < start + values; i++) squares += (pixels[i]! - mean) ** 2;
      const scale = 1 / Math.sqrt(squares / (values - 1) + eps);
      for (let i = start; i < start + values; i++) target[i] = (pixels[i]! - mean) * scale;
    }
    return [output];
  },
  wasm: ({ patches }, { eps }, { allocate, address, code }) => {
    const [batch, tokens, values] = patches.shape as [number, number, number];
    const output = allocate(patches.shape, 'float32');
    code.normPix(address(patches), batch * tokens, values, eps, address(output));
    return [output];
  },
  webgpu: normPixWebGpu,
  composite: ({ patches }, { eps }) =>
    tf.tidy(() => {
      const centred = tf.sub(patches, tf.mean(patches, -1, true));
      const variance = tf.div(tf.sum(tf.square(centred), -1, true), patches.shape[2] - 1);
      return [tf.mul(centred, tf.rsqrt(tf.add(variance, eps)))];
    }),
});

/**
 * The normalised-pixel target (He et al. 2021, section 4.1): each patch less its own mean, over its own
 * deviation (unbiased variance, eps 1e-6). Data: no gradient.
 * @param patches [batch, token, patch values]
 * @returns [batch, token, patch values]
 */
export function normPixTarget(patches: tf.Tensor3D): tf.Tensor3D {
  assertNormalisable(patches);
  return normPix({ patches }, { eps: NORM_PIX_EPS })[0] as tf.Tensor3D;
}

/** @throws when patches have no deviation. */
export function assertNormalisable(patches: tf.Tensor3D): void {
  if (patches.shape[2] < 2) throw new Error('norm-pix needs patches of at least two values');
}
