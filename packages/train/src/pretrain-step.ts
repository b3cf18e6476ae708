import { type Gradients, valueAndGrad } from '@maehem/backend';
import {
  type DevicePlan,
  isTrainable,
  type Mae,
  type MaeConfig,
  type MaeObjective,
  maeLoss,
} from '@maehem/mae';
import {
  addGradients,
  clipScale,
  globalNorm,
  type NamedTensors,
  type Optimizer,
  type OptimizerState,
  type StepScalars,
} from '@maehem/optim';
import { entries, map } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';

/** One batch on the device. */
export type PretrainBatch = {
  /** [batch, token, patch values] */
  readonly patches: tf.Tensor3D;
  readonly plan: DevicePlan;
};

/** What forward and backward passes need to know. */
export interface GradientTask {
  readonly model: MaeConfig;
  readonly objective: MaeObjective;
}

/** What does not change during a run. */
export interface PretrainTask extends GradientTask {
  readonly optimizer: Optimizer;
  /** Forward passes whose gradients are averaged into one step. */
  readonly accumulate: number;
  readonly clipNorm: number | null;
}

/** Parameters split into those that train, by path, and the whole tree that the model reads. */
export type PretrainParams = { readonly trainable: NamedTensors; readonly frozen: NamedTensors };

/** Split a parameter tree by what trains. */
export function splitParams(params: Mae): PretrainParams {
  const all = entries<tf.Tensor>(params);
  const select = (wanted: boolean): NamedTensors =>
    Object.fromEntries(all.filter(([path, tensor]) => isTrainable(path, tensor) === wanted));
  return { trainable: select(true), frozen: select(false) };
}

/** Put split parameters back into a tree of the same structure as `template`. */
export function joinParams(template: Mae, { trainable, frozen }: PretrainParams): Mae {
  return map<tf.Tensor, tf.Tensor, Mae>(template, (_leaf, path) => {
    const tensor = trainable[path] ?? frozen[path];
    if (tensor === undefined) throw new Error(`no tensor for parameter ${path}`);
    return tensor;
  }) as Mae;
}

/** Loss and gradients of one batch, added to the gradients gathered so far. */
export function accumulateStep(
  task: GradientTask,
  template: Mae,
  input: { params: PretrainParams; batch: PretrainBatch; gathered?: Gradients },
): { loss: tf.Scalar; grads: Gradients } {
  const { params, batch, gathered } = input;
  const { value, grads } = valueAndGrad(
    (trainable) =>
      maeLoss(
        joinParams(template, { trainable, frozen: params.frozen }),
        task.model,
        batch.patches,
        batch.plan,
        task.objective,
      ),
    params.trainable,
  );
  return { loss: value, grads: gathered === undefined ? grads : addGradients(gathered, grads) };
}

/** One optimizer step from gathered gradients. Consumes trainable parameters and optimizer state. */
export function applyStep(
  task: PretrainTask,
  input: { trainable: NamedTensors; state: OptimizerState; grads: Gradients; scalars: StepScalars },
): { trainable: NamedTensors; state: OptimizerState; gradNorm: tf.Scalar } {
  const { trainable, state, grads, scalars } = input;
  const norm = globalNorm(grads);
  const average = tf.scalar(1 / task.accumulate);
  const gradNorm = tf.mul(norm, average) as tf.Scalar;
  const gradScale =
    task.clipNorm === null ? average : (tf.mul(average, clipScale(gradNorm, task.clipNorm)) as tf.Scalar);
  const updated = task.optimizer.update({ params: trainable, grads, state, scalars, gradScale });
  return { trainable: updated.params, state: updated.state, gradNorm };
}

/** A whole step for `accumulate` = 1: forward, backward, optimizer. */
export function wholeStep(
  task: PretrainTask,
  template: Mae,
  input: { params: PretrainParams; state: OptimizerState; scalars: StepScalars; batch: PretrainBatch },
): { loss: tf.Scalar; trainable: NamedTensors; state: OptimizerState; gradNorm: tf.Scalar } {
  const { params, state, scalars, batch } = input;
  const { loss, grads } = accumulateStep(task, template, { params, batch });
  return { loss, ...applyStep(task, { trainable: params.trainable, state, grads, scalars }) };
}
