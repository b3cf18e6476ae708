import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { matMulTensorFlow } from './tensorflow.js';
import { matMulWasm } from './wasm.js';
import { matMulWebGpu } from './webgpu.js';

export type MatMulInputs = { a: tf.Tensor; b: tf.Tensor };
export type MatMulAttrs = {
  transposeA: boolean;
  transposeB: boolean;
  /** Factor on the product. */
  alpha: number;
};

/** Rows and columns of a product, and how many of them there are. */
export interface MatMulSize {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

const matMulKernel: Kernel<MatMulInputs, MatMulAttrs> = defineKernel({
  name: 'MaehemMatMul',
  tensorflow: matMulTensorFlow,
  wasm: matMulWasm,
  webgpu: matMulWebGpu,
  composite: ({ a, b }: MatMulInputs, { transposeA, transposeB, alpha }) =>
    tf.tidy(() => [tf.mul(tf.matMul(a, b, transposeA, transposeB), alpha)]),
});

/**
 * alpha op(a) op(b), in all transposes as fast as in none where an engine has our kernels. No gradient.
 * @param a [..., m, k], or [..., k, m] with `transposeA`
 * @param b [..., k, n], or [..., n, k] with `transposeB`; leading axes as a's
 * @returns [..., m, n]
 * @throws when the shapes do not fit.
 */
export function matMul(a: tf.Tensor, b: tf.Tensor, options: Partial<MatMulAttrs> = {}): tf.Tensor {
  const attrs = { transposeA: false, transposeB: false, alpha: 1, ...options };
  matMulSize(a, b, attrs);
  return matMulKernel({ a, b }, attrs)[0]!;
}

/** @throws when the shapes do not fit. */
export function matMulSize(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { transposeA, transposeB }: MatMulAttrs,
): MatMulSize {
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const k = transposeA ? rowsA : columnsA;
  const leading = a.shape.slice(0, -2);
  const fits =
    a.shape.length >= 2 &&
    k === (transposeB ? columnsB : rowsB) &&
    tf.util.arraysEqual(leading, b.shape.slice(0, -2));
  if (!fits)
    throw new Error(
      `matMul: [${a.shape}]${transposeA ? ' transposed' : ''} and [${b.shape}]${transposeB ? ' transposed' : ''} do not fit`,
    );
  return {
    batch: leading.reduce((product, n) => product * n, 1),
    m: transposeA ? columnsA : rowsA,
    n: transposeB ? rowsB : columnsB,
    k,
  };
}
