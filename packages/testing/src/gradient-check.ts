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

/**
 * Central differences of sum(dy * f(inputs)) along `directions` random directions of every input.
 * @returns for each direction the numeric and the analytic directional derivative.
 */
export function directionalDerivatives(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  dy: tf.Tensor,
  key: Key,
  { directions = 3, epsilon = 1e-2 }: { directions?: number; epsilon?: number } = {},
): { numeric: number; analytic: number }[] {
  const { grads } = gradientsOf(f, inputs, dy);
  const project = (args: tf.Tensor[]): number => {
    const products = f(...args).dataSync();
    const weights = dy.dataSync();
    let sum = 0;
    for (let i = 0; i < weights.length; i++) sum += weights[i]! * products[i]!;
    return sum;
  };
  return Array.from({ length: directions }, (_, index) =>
    tf.tidy(() => {
      const along = inputs.map((input, i) => randomTensor(fold(fold(key, index), i), input.shape));
      const moved = (sign: number) =>
        inputs.map((input, i) => tf.add(input, tf.mul(along[i]!, sign * epsilon)));
      const numeric = (project(moved(1)) - project(moved(-1))) / (2 * epsilon);
      const analytic = grads.reduce(
        (sum, grad, i) => sum + tf.sum(tf.mul(grad, along[i]!)).dataSync()[0]!,
        0,
      );
      return { numeric, analytic };
    }),
  );
}
