import { fold, type Key } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { noise } from './noise.js';

/** What rows and columns of kernels follow from. */
export interface KernelSizes {
  readonly batch: number;
  /** Of all patches, without the class token. */
  readonly tokens: number;
  readonly dim: number;
  readonly heads: number;
  /** Numbers of a patch. */
  readonly patch: number;
  readonly classes: number;
}

/** A tensor that a kernel takes. */
export interface Input {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly values: (key: Key) => Float32Array | Int32Array;
  /** Whether the gradient for it is asked for. */
  readonly trained: boolean;
}

/** A kernel as a function of tensors, and what it takes. */
export interface KernelCase {
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor[];
  /** Multiplications and additions of the forward and backward pass, where products decide. */
  readonly flops?: number;
}

const ones = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Normal numbers, with a gradient. */
export function trained(...shape: number[]): Input {
  return { shape, dtype: 'float32', trained: true, values: (key) => noise(key, ones(shape)) };
}

/** Normal numbers, without one. */
export function data(...shape: number[]): Input {
  return { ...trained(...shape), trained: false };
}

/** A matrix of weights: of order one after the sum over the inputs. */
export function weights(outputs: number, inputs: number): Input {
  return { ...trained(outputs, inputs), values: (key) => noise(key, outputs * inputs, 0, inputs ** -0.5) };
}

/** A kernel's inputs on the current engine, and its two passes. */
export interface KernelPass {
  /** Forward, and backward where the kernel has gradients. @returns outputs, then gradients */
  run(): tf.Tensor[];
  dispose(): void;
}

/** Bring a kernel's inputs up. The gradient that comes in is drawn from the key too. */
export function prepareKernel({ inputs, run }: KernelCase, key: Key): KernelPass {
  const tensors = inputs.map(({ shape, dtype, values }, index) =>
    tf.tensor(values(fold(key, index)), [...shape], dtype),
  );
  const trainedTensors = tensors.filter((_, index) => inputs[index]!.trained);
  if (trainedTensors.length === 0)
    return { run: () => tf.tidy(() => run(...tensors)), dispose: () => tf.dispose(tensors) };
  const { shape } = tf.tidy(() => run(...tensors)[0]!);
  const dy = tf.tensor(noise(fold(key, 'dy'), ones(shape)), shape);
  return {
    run: () =>
      tf.tidy(() => {
        const { value, grads } = tf.engine().gradients(() => run(...tensors)[0]!, trainedTensors, dy);
        return [value, ...grads];
      }),
    dispose: () => tf.dispose([...tensors, dy]),
  };
}
