import type { Gradients } from '@maehem/backend';
import type * as tf from '@tensorflow/tfjs-core';

/** Tensors by the dotted path of their parameter. */
export type NamedTensors = { readonly [path: string]: tf.Tensor };

/** Numbers that change from step to step, such as the learning rate: computed on the host. */
export type StepNumbers = { readonly [name: string]: number };

/** The same numbers on the device. */
export type StepScalars = { readonly [name: string]: tf.Scalar };

/** Trainable parameters and an optimizer's state, as one step leaves them. */
export interface Updated<State> {
  readonly params: NamedTensors;
  readonly state: State;
}

/** What one update works on. */
export interface UpdateInput<State> {
  readonly params: NamedTensors;
  readonly grads: Gradients;
  readonly state: State;
  readonly scalars: StepScalars;
  /** A factor on all gradients, applied by the rule: 1, or what clipping asks for; 0 skips the step. */
  readonly gradScale: tf.Scalar;
}

/** A tree of tensors that an optimizer remembers: `{ m: { 'blocks.0.…': … }, … }`. */
export type OptimizerState = { readonly [slot: string]: NamedTensors };

/**
 * An update rule: `init` makes its state, `update` makes one step.
 * A step **consumes** `params` and `state`: engines may work in place, so the caller disposes the handles
 * that it gave and goes on with those returned. Nothing in `update` reads a tensor, so that it can be
 * captured; what changes with the step number comes in through `numbers(step)`, as scalars.
 */
export interface Optimizer {
  readonly name: string;
  init(params: NamedTensors): OptimizerState;
  /** Step numbers for the step of this index, counted from 0. */
  numbers(step: number): StepNumbers;
  update(input: UpdateInput<OptimizerState>): Updated<OptimizerState>;
}

/** How one parameter is treated: factors on the learning rate, and its weight decay. */
export interface ParameterTreatment {
  readonly lrScale: number;
  readonly weightDecay: number;
}

/** The treatment of each parameter, by path. */
export type Treatments = { readonly [path: string]: ParameterTreatment };

/** @throws when a parameter has no treatment; the message names it. */
export function treatmentOf(treatments: Treatments, path: string): ParameterTreatment {
  const treatment = treatments[path];
  if (treatment === undefined)
    throw new Error(`optimizer: parameter ${path} belongs to no group; cover every leaf`);
  return treatment;
}
