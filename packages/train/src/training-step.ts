import { type Gradients, type TensorTree, type Trainable, valueAndGrad } from '@maehem/backend';
import {
  addGradients,
  clipScale,
  globalNorm,
  LOSS_SCALE_SLOT,
  lossScaleOf,
  type NamedTensors,
  type Optimizer,
  type OptimizerState,
  type StepScalars,
  stepLossScale,
} from '@maehem/optim';
import { entries, map } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';

/** What a run minimises: a scalar of parameters and one batch, and which parameters it may move. */
export interface Objective<Params extends TensorTree, Batch extends TensorTree> {
  readonly loss: (params: Params, batch: Batch) => tf.Scalar;
  readonly trainable: Trainable;
}

/** What does not change during a run. */
export interface TrainingTask<Params extends TensorTree, Batch extends TensorTree> {
  readonly objective: Objective<Params, Batch>;
  readonly optimizer: Optimizer;
  /** Forward passes whose gradients are averaged into one step. */
  readonly accumulate: number;
  readonly clipNorm: number | null;
}

/** Parameters by path, split into those that train and those that only take part. */
export type TrainingParams = { readonly trainable: NamedTensors; readonly frozen: NamedTensors };

/** Split a parameter tree by what trains. */
export function splitTree(params: TensorTree, trainable: Trainable): TrainingParams {
  const all = entries<tf.Tensor>(params);
  const select = (wanted: boolean): NamedTensors =>
    Object.fromEntries(all.filter(([path, tensor]) => trainable(path, tensor) === wanted));
  return { trainable: select(true), frozen: select(false) };
}

/** Put split parameters back into a tree of the same structure as `template`. */
export function joinParams<Params extends TensorTree>(
  template: Params,
  { trainable, frozen }: TrainingParams,
): Params {
  return replaceLeaves(template, (_leaf, path) => {
    const tensor = trainable[path] ?? frozen[path];
    if (tensor === undefined) throw new Error(`no tensor for parameter ${path}`);
    return tensor;
  });
}

/** The structure of a parameter tree, which outlives its first tensors. */
export function templateOf<Params extends TensorTree>(params: Params): Params {
  return replaceLeaves(params, (leaf) => leaf);
}

/** `map` for trees of any structure, whose exact type the compiler cannot follow. */
function replaceLeaves<Params extends TensorTree>(
  params: Params,
  leaf: (tensor: tf.Tensor, path: string) => tf.Tensor,
): Params {
  return map<tf.Tensor, tf.Tensor, NamedTensors>(params as NamedTensors, leaf) as unknown as Params;
}

/** Loss and gradients of one batch, added to the gradients gathered so far; these times the loss scale, if any. */
export function accumulateStep<Params extends TensorTree, Batch extends TensorTree>(
  { loss }: Objective<Params, Batch>,
  template: Params,
  input: { params: TrainingParams; batch: Batch; gathered?: Gradients; lossScale?: tf.Scalar },
): { loss: tf.Scalar; grads: Gradients } {
  const { params, batch, gathered, lossScale } = input;
  const { value, grads } = valueAndGrad(
    (trainable: NamedTensors) => loss(joinParams(template, { trainable, frozen: params.frozen }), batch),
    params.trainable,
    undefined,
    lossScale,
  );
  return { loss: value, grads: gathered === undefined ? grads : addGradients(gathered, grads) };
}

/** What the optimizer's part of a step needs to know. */
export type UpdateTask = Pick<TrainingTask<never, never>, 'optimizer' | 'accumulate' | 'clipNorm'>;

/**
 * One optimizer step from gathered gradients. Consumes trainable parameters and optimizer state.
 * Where the state has a loss scale, the gradients have it too; if they overflowed, nothing but the scale changes.
 */
export function applyStep(
  task: UpdateTask,
  input: { trainable: NamedTensors; state: OptimizerState; grads: Gradients; scalars: StepScalars },
): { trainable: NamedTensors; state: OptimizerState; gradNorm: tf.Scalar } {
  const { trainable, state, grads, scalars } = input;
  const norm = globalNorm(grads);
  const scaling = lossScaleOf(state);
  if (scaling !== undefined) {
    const { [LOSS_SCALE_SLOT]: _, ...own } = state;
    const { clipNorm } = task;
    const scaled = stepLossScale(scaling, norm, { average: 1 / task.accumulate, clipNorm });
    const { gradNorm, gradScale, lossScale } = scaled;
    const updated = task.optimizer.update({ params: trainable, grads, state: own, scalars, gradScale });
    return { trainable: updated.params, state: { ...updated.state, [LOSS_SCALE_SLOT]: lossScale }, gradNorm };
  }
  const average = tf.scalar(1 / task.accumulate);
  const gradNorm = tf.mul(norm, average) as tf.Scalar;
  const gradScale =
    task.clipNorm === null ? average : (tf.mul(average, clipScale(gradNorm, task.clipNorm)) as tf.Scalar);
  const updated = task.optimizer.update({ params: trainable, grads, state, scalars, gradScale });
  return { trainable: updated.params, state: updated.state, gradNorm };
}

/** A whole step for `accumulate` = 1: forward, backward, optimizer. */
export function wholeStep<Params extends TensorTree, Batch extends TensorTree>(
  task: TrainingTask<Params, Batch>,
  template: Params,
  input: { params: TrainingParams; state: OptimizerState; scalars: StepScalars; batch: Batch },
): { loss: tf.Scalar; trainable: NamedTensors; state: OptimizerState; gradNorm: tf.Scalar } {
  const { params, state, scalars, batch } = input;
  const lossScale = lossScaleOf(state)?.scale;
  const { loss, grads } = accumulateStep(task.objective, template, {
    ...{ params, batch },
    ...(lossScale && { lossScale }),
  });
  return { loss, ...applyStep(task, { trainable: params.trainable, state, grads, scalars }) };
}
