import type { Key } from '@maehem/random';
import { fold } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { expectClose } from './close-to.js';
import { gradientsOf, probeDirections, randomTensor, readDerivatives } from './gradient-check.js';

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
 * differences, and no tensor left behind. Call {@link loadTfjsGradients} first. Everything is computed when
 * this returns; what it promises is the reading.
 */
export function checkOp(check: OpCheck): Promise<void> {
  const before = tf.memory().numTensors;
  const made = compute(check);
  return compare(check, made).then(() => {
    tf.dispose(made);
    const after = tf.memory().numTensors;
    if (after !== before) throw new Error(`the op leaves ${after - before} tensors behind`);
  });
}

type Computed = ReturnType<typeof compute>;

function compute({ op, reference, inputs, key, epsilon = 1e-2 }: OpCheck) {
  return tf.tidy(() => {
    const dy = randomTensor(fold(key, 'dy'), op(...inputs).shape);
    const ours = gradientsOf(op, inputs, dy);
    const theirs = gradientsOf(reference, inputs, dy);
    return { dy, ours, theirs, directions: probeDirections(op, inputs, ours.grads, key, { epsilon }) };
  });
}

async function compare({ tolerance = 1e-4, epsilon = 1e-2 }: OpCheck, made: Computed): Promise<void> {
  const { dy, ours, theirs, directions } = made;
  await expectClose(ours.value, theirs.value, tolerance, 'output');
  for (const [index, grad] of ours.grads.entries())
    await expectClose(grad, theirs.grads[index]!, tolerance, `gradient of input ${index}`);
  for (const { numeric, analytic } of await readDerivatives(directions, dy, epsilon))
    await expectClose([analytic], [numeric], 1e-2, 'directional derivative');
}
