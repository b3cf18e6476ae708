import { currentPrecision, dispose, type TensorTree } from '@maehem/backend';
import {
  initLossScale,
  LOSS_SCALE_SLOT,
  lossScaleOf,
  type NamedTensors,
  type OptimizerState,
  type StepScalars,
} from '@maehem/optim';
import { map } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { capturedStep } from './captured-step.js';
import { type GradientSource, localGradients } from './gradient-source.js';
import {
  applyStep,
  joinParams,
  splitTree,
  type TrainingParams,
  type TrainingTask,
  templateOf,
  wholeStep,
} from './training-step.js';

/** What a step tells about itself. */
export interface StepResult {
  /** Mean over the accumulated batches. */
  readonly loss: number;
  /** Global norm of the averaged gradient, before clipping. */
  readonly gradNorm: number;
  readonly lr: number;
  /** Gradients overflowed in half precision: nothing changed but the loss scale. `gradNorm` is infinite. */
  readonly skipped?: true;
}

/** Parameters and optimizer state in training. Owns its tensors. */
export interface Trainer<Params extends TensorTree, Batch extends TensorTree> {
  /** Number of optimizer steps done. */
  readonly stepIndex: number;
  /** The current parameters; valid until the next step. */
  params(): Params;
  /** The optimizer's current state; valid until the next step. */
  optimizerState(): OptimizerState;
  /** One optimizer step on `accumulate` batches, which stay the caller's. */
  step(batches: readonly Batch[]): Promise<StepResult>;
  dispose(): void;
}

/** Where training starts. The tensors become the trainer's. */
export interface TrainerStart<Params extends TensorTree, Batch extends TensorTree> {
  readonly params: Params;
  readonly optimizerState?: OptimizerState;
  readonly stepIndex?: number;
  /** Record the first step and replay it afterwards: the same kernels, without tfjs's per-op work. */
  readonly capture?: boolean;
  /** Computes gradients elsewhere, such as in several threads. Becomes the trainer's. */
  readonly gradients?: GradientSource<Batch>;
}

/** A trainer over one task. */
export function createTrainer<Params extends TensorTree, Batch extends TensorTree>(
  task: TrainingTask<Params, Batch>,
  start: TrainerStart<Params, Batch>,
): Trainer<Params, Batch> {
  const template = templateOf(start.params);
  const enabled = start.capture ?? true;
  const whole = capturedStep(
    (input: { params: TrainingParams; state: OptimizerState; scalars: StepScalars; batch: Batch }) =>
      wholeStep(task, template, input),
    enabled,
  );
  const gradients = start.gradients ?? localGradients(task.objective, template, enabled);
  const averaged = { ...task, accumulate: task.accumulate * gradients.parts };
  const apply = capturedStep(
    (input: { trainable: NamedTensors; state: OptimizerState; grads: NamedTensors; scalars: StepScalars }) =>
      applyStep(averaged, input),
    enabled,
  );
  const inOneGo = task.accumulate === 1 && start.gradients === undefined;

  let params = splitTree(start.params, task.objective.trainable);
  let state = withLossScale(start.optimizerState ?? task.optimizer.init(params.trainable));
  let stepIndex = start.stepIndex ?? 0;

  /** Take the results of an update over, and let go of the handles that it consumed. */
  const replace = (trainable: NamedTensors, next: OptimizerState): void => {
    dispose(params.trainable);
    dispose(state);
    params = { trainable, frozen: params.frozen };
    // A captured step knows its inputs by their order, and a checkpoint may list slots in another than the optimizer.
    state = Object.fromEntries(Object.keys(state).map((slot) => [slot, next[slot]!]));
  };

  const stepOnce = async (
    batch: Batch,
    scalars: StepScalars,
  ): Promise<{ losses: tf.Scalar[]; gradNorm: tf.Scalar }> => {
    const { loss, gradNorm, trainable, state: next } = await whole.run({ params, state, scalars, batch });
    replace(trainable, next);
    return { losses: [loss], gradNorm };
  };

  const stepGathering = async (
    batches: readonly Batch[],
    scalars: StepScalars,
  ): Promise<{ losses: tf.Scalar[]; gradNorm: tf.Scalar }> => {
    const { losses, grads } = await gradients.gather(params, batches, lossScaleOf(state)?.scale);
    const result = await apply.run({ trainable: params.trainable, state, grads, scalars });
    dispose(grads);
    replace(result.trainable, result.state);
    return { losses, gradNorm: result.gradNorm };
  };

  return {
    get stepIndex() {
      return stepIndex;
    },
    params: () => joinParams(template, params),
    optimizerState: () => state,
    step: async (batches) => {
      if (batches.length !== task.accumulate)
        throw new Error(`a step takes ${task.accumulate} batches, got ${batches.length}`);
      const numbers = task.optimizer.numbers(stepIndex);
      const scalars = map(numbers, (value: number) => tf.scalar(value)) as unknown as StepScalars;
      try {
        const { losses, gradNorm } = inOneGo
          ? await stepOnce(batches[0]!, scalars)
          : await stepGathering(batches, scalars);
        // At once: on a GPU, each reading waits for all that was recorded before it.
        const [norm, values] = await Promise.all([
          gradNorm.data(),
          Promise.all(losses.map((loss) => loss.data())),
        ]);
        tf.dispose([...losses, gradNorm]);
        stepIndex++;
        const loss = values.reduce((sum, value) => sum + value[0]!, 0) / values.length;
        const skipped = lossScaleOf(state) !== undefined && !Number.isFinite(norm[0]);
        return { loss, gradNorm: norm[0]!, lr: numbers['lr'] ?? 0, ...(skipped && { skipped }) };
      } finally {
        dispose(scalars);
      }
    },
    dispose: () => {
      for (const program of [whole, gradients, apply]) program.dispose();
      dispose(params.trainable);
      dispose(params.frozen);
      dispose(state);
    },
  };
}

/** Half precision wants a loss scale; without it a scale from an earlier part of the run is of no use. */
function withLossScale(state: OptimizerState): OptimizerState {
  const wanted = currentPrecision() === 'float16';
  const present = lossScaleOf(state);
  if (wanted) return present === undefined ? { ...state, [LOSS_SCALE_SLOT]: initLossScale() } : state;
  if (present === undefined) return state;
  dispose(present);
  const { [LOSS_SCALE_SLOT]: _, ...own } = state;
  return own;
}
