import { defineKernel, differentiable, floats, type Kernel } from '@maehem/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { maskedMseWebGpu, maskedNormPixMseWebGpu } from './masked-mse-webgpu.js';
import { assertNormalisable, NORM_PIX_EPS, normPix } from './norm-pix.js';

type Inputs = { prediction: tf.Tensor3D; target: tf.Tensor3D; mask: tf.Tensor2D };

/** → [loss [], dprediction like prediction]: the gradient falls out of the same pass. */
const maskedMseForward: Kernel<Inputs, Record<string, never>> = defineKernel({
  name: 'MaehemMaskedMse',
  host: ({ prediction, target, mask }, _attrs, memory) => {
    const outputs = [memory.allocate([], 'float32'), memory.allocate(prediction.shape, 'float32')];
    const [loss, gradient] = outputs.map((info) => floats(memory, info)) as [Float32Array, Float32Array];
    const predicted = floats(memory, prediction);
    const wanted = floats(memory, target);
    const weights = floats(memory, mask);
    const values = prediction.shape[2]!;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    for (let token = 0; token < weights.length; token++) {
      const weight = weights[token]! / (total * values);
      let squares = 0;
      for (let i = token * values; i < (token + 1) * values; i++) {
        const error = predicted[i]! - wanted[i]!;
        squares += error * error;
        gradient[i] = 2 * weight * error;
      }
      sum += weight * squares;
    }
    loss[0] = sum;
    return outputs;
  },
  wasm: ({ prediction, target, mask }, _attrs, { allocate, address, code }) => {
    const [batch, tokens, values] = prediction.shape as [number, number, number];
    const loss = allocate([], 'float32');
    const gradient = allocate(prediction.shape, 'float32');
    const inputs = [prediction, target, mask].map(address) as [number, number, number];
    code.maskedMse(...inputs, batch * tokens, values, address(loss), address(gradient));
    return [loss, gradient];
  },
  webgpu: maskedMseWebGpu,
  composite: ({ prediction, target, mask }: Inputs) =>
    tf.tidy(() => {
      const [batch, tokens, values] = prediction.shape;
      const weights = tf.reshape(tf.div(mask, tf.mul(tf.sum(mask), values)), [batch, tokens, 1]);
      const error = tf.sub(prediction, target);
      const weighted = tf.mul(error, weights);
      return [tf.sum(tf.mul(weighted, error)), tf.mul(weighted, 2)];
    }),
});

type NormPixInputs = { prediction: tf.Tensor3D; patches: tf.Tensor3D; mask: tf.Tensor2D };

/** The same from pixels, normalised patch by patch: one pass where it is fused, and no target in memory. */
const maskedNormPixMseForward: Kernel<NormPixInputs, { eps: number }> = defineKernel<
  NormPixInputs,
  { eps: number }
>({
  name: 'MaehemMaskedNormPixMse',
  webgpu: maskedNormPixMseWebGpu,
  composite: ({ prediction, patches, mask }, { eps }) =>
    tf.tidy(() => {
      const target = normPix({ patches }, { eps })[0] as tf.Tensor3D;
      return maskedMseForward({ prediction, target, mask }, {});
    }),
});

/**
 * Mean squared error on the removed patches only: the mean over pixels of each patch, then the mean over
 * patches with mask 1 (He et al. 2021, section 3, "Reconstruction target"). A mask of ones everywhere is the
 * ablation "loss on all patches".
 * @param prediction [batch, token, patch values]
 * @param target the same shape; data, no gradient.
 * @param mask [batch, token], 1 where the patch was removed
 * @returns a scalar
 */
export function maskedMse(prediction: tf.Tensor3D, target: tf.Tensor3D, mask: tf.Tensor2D): tf.Scalar {
  assertSameShape(prediction, target);
  return withGradient(prediction, () => maskedMseForward({ prediction, target, mask }, {}));
}

/**
 * {@link maskedMse} with the normalised pixels of `normPixTarget` for target (section 4.1).
 * @param prediction [batch, token, patch values]
 * @param patches the same shape: pixels; data, no gradient.
 * @param mask [batch, token], 1 where the patch was removed
 * @returns a scalar
 * @throws when shapes differ, or patches have less than two values.
 */
export function maskedNormPixMse(
  prediction: tf.Tensor3D,
  patches: tf.Tensor3D,
  mask: tf.Tensor2D,
): tf.Scalar {
  assertSameShape(prediction, patches);
  assertNormalisable(patches);
  const attrs = { eps: NORM_PIX_EPS };
  return withGradient(prediction, () => maskedNormPixMseForward({ prediction, patches, mask }, attrs));
}

function assertSameShape(prediction: tf.Tensor3D, target: tf.Tensor3D): void {
  if (!tf.util.arraysEqual(prediction.shape, target.shape))
    throw new Error(
      `masked MSE: prediction [${prediction.shape}] and target [${target.shape}] differ in shape`,
    );
}

/** A loss whose forward pass gives its gradient too. */
function withGradient(prediction: tf.Tensor3D, forward: () => tf.Tensor[]): tf.Scalar {
  return differentiable<tf.Scalar>(
    [prediction],
    () => {
      const [loss, gradient] = forward() as [tf.Scalar, tf.Tensor3D];
      return { value: loss, saved: [gradient] };
    },
    (dy, [gradient]) => [tf.mul(gradient!, dy)],
  );
}
