import { dispose, type TensorTree } from '@maehem/backend';
import type { NamedTensors } from '@maehem/optim';
import type * as tf from '@tensorflow/tfjs-core';
import { capturedStep } from './captured-step.js';
import { accumulateStep, type Objective, type TrainingParams } from './training-step.js';

/** Where a step's gradients come from: this thread, or several. */
export interface GradientSource<Batch extends TensorTree> {
  /** Equal parts into which each batch is cut. Gradients are summed over parts, so that many are averaged. */
  readonly parts: number;
  /**
   * Forward and backward passes over the batches of one step.
   * @param lossScale what the gradients are multiplied with, in half precision
   * @returns the loss of each part of each batch, and the sum of all their gradients; both the caller's
   */
  gather(
    params: TrainingParams,
    batches: readonly Batch[],
    lossScale?: tf.Scalar,
  ): Promise<{ losses: tf.Scalar[]; grads: NamedTensors }>;
  dispose(): void;
}

/** Gradients by one pass after the other, in this thread. */
export function localGradients<Params extends TensorTree, Batch extends TensorTree>(
  objective: Objective<Params, Batch>,
  template: Params,
  capture: boolean,
): GradientSource<Batch> {
  const first = capturedStep(
    (input: { params: TrainingParams; batch: Batch; lossScale?: tf.Scalar }) =>
      accumulateStep(objective, template, input),
    capture,
  );
  const further = capturedStep(
    (input: { params: TrainingParams; batch: Batch; lossScale?: tf.Scalar; gathered: NamedTensors }) =>
      accumulateStep(objective, template, input),
    capture,
  );
  return {
    parts: 1,
    gather: async (params, batches, lossScale) => {
      const losses: tf.Scalar[] = [];
      let gathered: NamedTensors | undefined;
      for (const batch of batches) {
        const input = { params, batch, ...(lossScale && { lossScale }) };
        const result =
          gathered === undefined ? await first.run(input) : await further.run({ ...input, gathered });
        if (gathered !== undefined) dispose(gathered);
        gathered = result.grads;
        losses.push(result.loss);
      }
      return { losses, grads: gathered! };
    },
    dispose: () => {
      first.dispose();
      further.dispose();
    },
  };
}
