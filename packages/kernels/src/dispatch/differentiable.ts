import * as tf from '@tensorflow/tfjs-core';

/** The result of a forward pass, and what the backward pass will need. */
export interface Forward<Out extends tf.Tensor> {
  readonly value: Out;
  readonly saved: tf.Tensor[];
}

/** A gradient, or how to compute it: what nobody asks for is then not computed, such as that of a fixed input. */
export type Gradient = tf.Tensor | (() => tf.Tensor);

/** The part of tfjs's engine that its `customGrad` stands on, which computes every gradient at once. */
interface Tape {
  runKernelFunc(op: {
    readonly inputs: tf.NamedTensorMap;
    readonly forwardFunc: (backend: unknown, save: tf.GradSaveFunc) => tf.Tensor;
    readonly backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
  }): tf.Tensor;
}

/**
 * An op with a gradient written by hand. tfjs's gradient registry is not consulted.
 * @param inputs the tensors to differentiate for; whatever else `forward` reads is taken as constant.
 * @param forward what it makes inside is gone before `backward` runs, save for the value and what is `saved`:
 * whatever the backward pass reads must be saved, indices and factors too.
 * @param backward from dy and the saved tensors to one gradient for each input, each a tensor of its own
 * (tfjs may dispose one while it still needs another).
 */
export function differentiable<Out extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  forward: () => Forward<Out>,
  backward: (dy: Out, saved: tf.Tensor[]) => Gradient[],
): Out {
  return (tf.engine() as unknown as Tape).runKernelFunc({
    inputs: Object.fromEntries(inputs.entries()),
    forwardFunc: (_backend, save) => {
      const { value, saved } = forward();
      save(saved);
      return value;
    },
    backwardsFunc: (dy, saved) =>
      Object.fromEntries(
        backward(dy as Out, saved).map((gradient, index) => [
          index,
          typeof gradient === 'function' ? gradient : () => gradient,
        ]),
      ),
  }) as Out;
}
