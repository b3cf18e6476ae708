import * as tf from '@tensorflow/tfjs-core';

/** The result of a forward pass, and what the backward pass will need. */
export interface Forward<Out extends tf.Tensor> {
  readonly value: Out;
  readonly saved: tf.Tensor[];
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
  backward: (dy: Out, saved: tf.Tensor[]) => tf.Tensor[],
): Out {
  const op = tf.customGrad<tf.Tensor>((...args) => {
    const save = args[args.length - 1] as unknown as tf.GradSaveFunc;
    const { value, saved } = forward();
    save(saved);
    return { value, gradFunc: (dy, kept) => backward(dy as Out, kept) };
  });
  return op(...inputs) as Out;
}
