import {
  type DevicePlan,
  isTrainable,
  type Mae,
  type MaeConfig,
  type MaeObjective,
  maeLoss,
} from '@maehem/mae';
import type { Optimizer } from '@maehem/optim';
import type * as tf from '@tensorflow/tfjs-core';
import { type DeviceImages, patchesOf } from './device-images.js';
import { type Objective, splitTree, type TrainingParams } from './training-step.js';

/** One batch on the device. */
export type PretrainBatch = DeviceImages & {
  readonly plan: DevicePlan;
  /** [batch, token, patch values]: what to predict, where it is neither pixels nor normalised pixels. */
  readonly target?: tf.Tensor3D;
};

/** What forward and backward passes need to know: plain data, which can be sent to another thread. */
export interface GradientTask {
  readonly model: MaeConfig;
  readonly objective: MaeObjective;
  /** Blocks whose activations are computed twice instead of being kept: see `BlockShape` of `@maehem/vit`. */
  readonly recompute?: number;
}

/** What does not change during a pretraining run. */
export interface PretrainTask extends GradientTask {
  readonly optimizer: Optimizer;
  /** Forward passes whose gradients are averaged into one step. */
  readonly accumulate: number;
  readonly clipNorm: number | null;
}

/** What pretraining minimises. */
export function pretrainObjective(task: GradientTask): Objective<Mae, PretrainBatch> {
  const { objective, recompute } = task;
  const model = { ...task.model, recompute };
  return {
    loss: (params, batch) =>
      maeLoss(params, model, patchesOf(batch, model), batch.plan, objective, batch.target),
    trainable: isTrainable,
  };
}

/** Split a masked autoencoder's parameters by what trains. */
export function splitParams(params: Mae): TrainingParams {
  return splitTree(params, isTrainable);
}
