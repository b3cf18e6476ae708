import { capture, dispose, type Program, type TensorTree, tidy } from '@maehem/backend';
import type { Mae } from '@maehem/mae';
import type { NamedTensors, OptimizerState, StepScalars } from '@maehem/optim';
import { map } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import {
  accumulateStep,
  applyStep,
  joinParams,
  type PretrainBatch,
  type PretrainParams,
  type PretrainTask,
  splitParams,
  wholeStep,
} from './pretrain-step.js';

/** What a step tells about itself. */
export interface StepResult {
  /** Mean over the accumulated batches. */
  readonly loss: number;
  /** Global norm of the averaged gradient, before clipping. */
  readonly gradNorm: number;
  readonly lr: number;
}

/** Parameters and optimizer state in training. Owns its tensors. */
export interface Pretrainer {
  /** Number of optimizer steps done. */
  readonly stepIndex: number;
  /** The current parameters; valid until the next step. */
  params(): Mae;
  /** The optimizer's current state; valid until the next step. */
  optimizerState(): OptimizerState;
  /** One optimizer step on `accumulate` batches, which stay the caller's. */
  step(batches: readonly PretrainBatch[]): Promise<StepResult>;
  dispose(): void;
}

/** Where training starts. The tensors become the pretrainer's. */
export interface PretrainStart {
  readonly params: Mae;
  readonly optimizerState?: OptimizerState;
  readonly stepIndex?: number;
  /** Record the first step and replay it afterwards: the same kernels, without tfjs's per-op work. */
  readonly capture?: boolean;
}

/** Turns a step function into one that is captured at its first call and replayed at all later ones. */
function captured<In extends TensorTree, Out extends TensorTree>(
  step: (input: In) => Out,
  enabled: boolean,
): { run(input: In): Promise<Out>; dispose(): void } {
  let program: Program<In, Out> | undefined;
  return {
    run: async (input) => {
      if (!enabled) return tidy(() => step(input));
      if (program !== undefined) return program.run(input);
      const first = await capture(step, input);
      program = first.program;
      return first.outputs;
    },
    dispose: () => program?.dispose(),
  };
}

/** A pretrainer over one task. */
export function createPretrainer(task: PretrainTask, start: PretrainStart): Pretrainer {
  const template = map<tf.Tensor, tf.Tensor, Mae>(start.params, (leaf) => leaf) as Mae;
  const enabled = start.capture ?? true;
  const whole = captured(
    (input: { params: PretrainParams; state: OptimizerState; scalars: StepScalars; batch: PretrainBatch }) =>
      wholeStep(task, template, input),
    enabled,
  );
  const first = captured(
    (input: { params: PretrainParams; batch: PretrainBatch }) => accumulateStep(task, template, input),
    enabled,
  );
  const further = captured(
    (input: { params: PretrainParams; batch: PretrainBatch; gathered: NamedTensors }) =>
      accumulateStep(task, template, input),
    enabled,
  );
  const apply = captured(
    (input: { trainable: NamedTensors; state: OptimizerState; grads: NamedTensors; scalars: StepScalars }) =>
      applyStep(task, input),
    enabled,
  );

  let params = splitParams(start.params);
  let state = start.optimizerState ?? task.optimizer.init(params.trainable);
  let stepIndex = start.stepIndex ?? 0;

  /** Take the results of an update over, and let go of the handles that it consumed. */
  const replace = (trainable: NamedTensors, next: OptimizerState): void => {
    dispose(params.trainable);
    dispose(state);
    params = { trainable, frozen: params.frozen };
    state = next;
  };

  const stepOnce = async (
    batch: PretrainBatch,
    scalars: StepScalars,
  ): Promise<{ losses: tf.Scalar[]; gradNorm: tf.Scalar }> => {
    const { loss, gradNorm, trainable, state: next } = await whole.run({ params, state, scalars, batch });
    replace(trainable, next);
    return { losses: [loss], gradNorm };
  };

  const stepAccumulating = async (
    batches: readonly PretrainBatch[],
    scalars: StepScalars,
  ): Promise<{ losses: tf.Scalar[]; gradNorm: tf.Scalar }> => {
    const losses: tf.Scalar[] = [];
    let gathered: NamedTensors | undefined;
    for (const batch of batches) {
      const result =
        gathered === undefined
          ? await first.run({ params, batch })
          : await further.run({ params, batch, gathered });
      if (gathered !== undefined) dispose(gathered);
      gathered = result.grads;
      losses.push(result.loss);
    }
    const result = await apply.run({ trainable: params.trainable, state, grads: gathered!, scalars });
    dispose(gathered!);
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
      const { losses, gradNorm } =
        batches.length === 1
          ? await stepOnce(batches[0]!, scalars)
          : await stepAccumulating(batches, scalars);
      const values = await Promise.all(losses.map((loss) => loss.data()));
      const norm = await gradNorm.data();
      tf.dispose([...losses, gradNorm]);
      dispose(scalars);
      stepIndex++;
      const loss = values.reduce((sum, value) => sum + value[0]!, 0) / values.length;
      return { loss, gradNorm: norm[0]!, lr: numbers['lr'] ?? 0 };
    },
    dispose: () => {
      for (const program of [whole, first, further, apply]) program.dispose();
      dispose(params.trainable);
      dispose(params.frozen);
      dispose(state);
    },
  };
}
