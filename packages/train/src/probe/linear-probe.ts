import { dispose, tidy, valueAndGrad } from '@maehem/backend';
import { type Linear, linear } from '@maehem/kernels';
import { smoothTargets, softmaxCrossEntropy } from '@maehem/losses';
import * as tf from '@tensorflow/tfjs-core';
import { capturedStep } from '../captured-step.js';
import type { Features } from '../features.js';
import { lbfgs } from './lbfgs.js';
import { accuracyOf, assertProbeSets, fitStandardiser, type ProbeResult } from './probe-sets.js';

/** Options of {@link linearProbe}. */
export interface LinearProbeOptions {
  readonly classes: number;
  /** Weight of the squared weights' half in the loss. Default 1e-3. */
  readonly l2?: number;
  /** Passes of the optimizer over all features, at most. Default 100. */
  readonly iterations?: number;
}

/**
 * The fast linear probe: softmax regression on standardised frozen features, fitted by L-BFGS to its one optimum, so
 * that it needs neither a schedule nor a key. For the paper's own protocol see `larsProbe`.
 * @throws when labels are missing or none of the classes, a set is empty, or the sets differ in width.
 */
export async function linearProbe(
  train: Features,
  test: Features,
  { classes, l2 = 1e-3, iterations = 100 }: LinearProbeOptions,
): Promise<ProbeResult> {
  assertProbeSets(train, test, classes);
  const standardise = fitStandardiser(train);
  const { dim, length, labels } = train;
  const data = {
    x: tf.tensor2d(standardise(train), [length, dim]),
    y: tf.tensor2d(smoothTargets(labels, classes), [length, classes]),
  };
  const crossEntropy = capturedStep(
    ({ params, x, y }: { params: Linear; x: tf.Tensor2D; y: tf.Tensor2D }) => {
      const { value, grads } = valueAndGrad((p: Linear) => softmaxCrossEntropy(linear(p, x), y), params);
      return { value, weight: grads['weight']!, bias: grads['bias']! };
    },
    true,
  );
  const lossAt = async (flat: Float64Array): Promise<{ value: number; gradient: Float64Array }> => {
    const params = unpack(flat, classes, dim);
    const result = await crossEntropy.run({ params, ...data });
    const [value, weight, bias] = (await Promise.all(
      [result.value, result.weight, result.bias].map((tensor) => tensor.data()),
    )) as [Float32Array, Float32Array, Float32Array];
    dispose(params);
    dispose(result);
    return { value: value[0]!, gradient: Float64Array.from([...weight, ...bias]) };
  };
  const penalised = async (flat: Float64Array): Promise<{ value: number; gradient: Float64Array }> => {
    const { value, gradient } = await lossAt(flat);
    let squares = 0;
    for (let i = 0; i < classes * dim; i++) {
      squares += flat[i]! ** 2;
      gradient[i]! += l2 * flat[i]!;
    }
    return { value: value + (l2 / 2) * squares, gradient };
  };
  const best = await lbfgs(penalised, new Float64Array(classes * (dim + 1)), { iterations });
  const params = unpack(best, classes, dim);
  const accuracy = async (inputs: Float32Array, truth: Int32Array): Promise<number> => {
    const logits = tidy(() => linear(params, tf.tensor2d(inputs, [truth.length, dim])));
    const values = (await logits.data()) as Float32Array;
    logits.dispose();
    return accuracyOf(values, truth);
  };
  const result = {
    accuracy: await accuracy(standardise(test), test.labels!),
    trainAccuracy: await accuracy(standardise(train), labels),
    loss: (await lossAt(best)).value,
  };
  dispose(params);
  dispose(data);
  crossEntropy.dispose();
  return result;
}

function unpack(flat: Float64Array, classes: number, dim: number): Linear {
  const values = Float32Array.from(flat);
  return {
    weight: tf.tensor2d(values.subarray(0, classes * dim), [classes, dim]),
    bias: tf.tensor1d(values.slice(classes * dim)),
  };
}
