import type { Key } from '@maehem/random';
import { fold } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { expectClose } from './close-to.js';
import { directionalDerivatives, gradientsOf, randomTensor } from './gradient-check.js';

type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

/** An op of ours, its reference in plain tfjs ops, and inputs to try them on. */
export interface OpCheck {
  readonly op: Op;
  readonly reference: Op;
  readonly inputs: readonly tf.Tensor[];
  readonly key: Key;
  /** Relative to the largest entry, or 1. */
  readonly tolerance?: number;
  /** Step of the central differences. */
  readonly epsilon?: number;
}

/** tfjs's own gradients, against which ours are checked. Only tests load the whole of tfjs. */
export async function loadTfjsGradients(): Promise<void> {
  await import('@tensorflow/tfjs');
}

/**
 * Forward and backward of an op against the autodiff of its reference, the gradient also against central
 * differences, and no tensor left behind. Call {@link loadTfjsGradients} first.
 */
export function checkOp({ op, reference, inputs, key, tolerance = 1e-4, epsilon = 1e-2 }: OpCheck): void {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const dy = randomTensor(fold(key, 'dy'), op(...inputs).shape);
    const ours = gradientsOf(op, inputs, dy);
    const theirs = gradientsOf(reference, inputs, dy);
    expectClose(ours.value, theirs.value, tolerance, 'output');
    for (const [index, grad] of ours.grads.entries())
      expectClose(grad, theirs.grads[index]!, tolerance, `gradient of input ${index}`);
    for (const { numeric, analytic } of directionalDerivatives(op, inputs, dy, key, { epsilon }))
      expectClose([analytic], [numeric], 1e-2, 'directional derivative');
  });
  const after = tf.memory().numTensors;
  if (after !== before) throw new Error(`the op leaves ${after - before} tensors behind`);
}
