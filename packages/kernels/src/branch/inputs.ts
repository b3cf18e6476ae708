import type * as tf from '@tensorflow/tfjs-core';
import type { Precision } from '../half/half.js';

/** x [batch, token, width] and the parameters of a norm and two linear layers, [out, in] and [out]. */
export type BranchInputs = {
  x: tf.Tensor3D;
  normWeight: tf.Tensor1D;
  normBias: tf.Tensor1D;
  weight1: tf.Tensor2D;
  bias1: tf.Tensor1D;
  weight2: tf.Tensor2D;
  bias2: tf.Tensor1D;
};

/** What the forward pass leaves for the backward pass: the norm's mean and rstd [rows], the rest in the branch's precision. */
type Saved = {
  x: tf.Tensor3D;
  normWeight: tf.Tensor1D;
  mean: tf.Tensor1D;
  rstd: tf.Tensor1D;
  /** The norm's output. */
  normed: tf.Tensor;
  weight1: tf.Tensor;
  weight2: tf.Tensor;
};

/** `logSum` is float32: see flash-attention.wgsl.ts. */
export type AttentionBranchGradInputs = Saved & {
  dy: tf.Tensor3D;
  qkv: tf.Tensor;
  attended: tf.Tensor;
  logSum: tf.Tensor;
};

export type MlpBranchGradInputs = Saved & { dy: tf.Tensor3D; hidden: tf.Tensor; derivative: tf.Tensor };

export type BranchAttrs = {
  /** Add x to the result. */
  residual: boolean;
};

export type ForwardAttrs = BranchAttrs & {
  eps: number;
  /** Of what passes between the branch's kernels. */
  precision: Precision;
};
