import { fold, type Key, normal } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';

/** A random normal tensor, the same on every backend. */
export function randomTensor<T extends tf.Tensor = tf.Tensor>(
  key: Key,
  shape: readonly number[],
  std = 1,
): T {
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(normal(key, size, 0, std), [...shape]) as T;
}

/** The derivative of sum(weights * f(inputs)) for each input, by tfjs's tape. */
export function gradientsOf(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  dy: tf.Tensor,
): { value: tf.Tensor; grads: tf.Tensor[] } {
  const { value, grads } = tf.engine().gradients(() => f(...inputs), [...inputs], dy);
  return { value, grads };
}

/** A derivative along one direction, by central differences and by the gradient. */
export interface DirectionalDerivative {
  readonly numeric: number;
  readonly analytic: number;
}

/** What {@link readDerivatives} makes a derivative of. */
export type Direction = { readonly plus: tf.Tensor; readonly minus: tf.Tensor; readonly analytic: tf.Tensor };

/**
 * f a step to both sides along `directions` random directions of every input, and the gradient's word on it:
 * on the device, to be read by {@link readDerivatives}.
 */
export function probeDirections(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  grads: readonly tf.Tensor[],
  key: Key,
  { directions = 3, epsilon = 1e-2 }: { directions?: number; epsilon?: number } = {},
): Direction[] {
  return Array.from({ length: directions }, (_, index) =>
    tf.tidy(() => {
      const along = inputs.map((input, i) => randomTensor(fold(fold(key, index), i), input.shape));
      const moved = (sign: number) =>
        f(...inputs.map((input, i) => tf.add(input, tf.mul(along[i]!, sign * epsilon))));
      const analytic = tf.addN(grads.map((grad, i) => tf.sum(tf.mul(grad, along[i]!))));
      return { plus: moved(1), minus: moved(-1), analytic };
    }),
  );
}

/** The derivatives of sum(dy * f(inputs)) from what {@link probeDirections} left on the device. */
export async function readDerivatives(
  directions: readonly Direction[],
  dy: tf.Tensor,
  epsilon = 1e-2,
): Promise<DirectionalDerivative[]> {
  const weights = await dy.data();
  const project = async (tensor: tf.Tensor): Promise<number> => {
    const values = (await tensor.data()) as Float32Array;
    return values.reduce((sum, value, i) => sum + weights[i]! * value, 0);
  };
  return Promise.all(
    directions.map(async ({ plus, minus, analytic }) => ({
      numeric: ((await project(plus)) - (await project(minus))) / (2 * epsilon),
      analytic: (await analytic.data())[0]!,
    })),
  );
}
