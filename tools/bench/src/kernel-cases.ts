import {
  adamw,
  attention,
  attentionBranch,
  type Branch,
  gatherTokens,
  gelu,
  type Linear,
  layerNorm,
  linear,
  linearPlus,
  matMul,
  mlp,
  mlpBranch,
  prependClassToken,
  restoreTokens,
  sliceTokens,
  softmaxCrossEntropy,
} from '@maehem/kernels';
import { maskedMse, normPixTarget } from '@maehem/losses';
import { randomMasking } from '@maehem/patches';
import { fold, type Key, normal, seed, uniform } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';

/** What rows and columns of kernels follow from. */
export interface KernelSizes {
  readonly batch: number;
  /** Of all patches, without the class token. */
  readonly tokens: number;
  readonly dim: number;
  readonly heads: number;
  /** Numbers of a patch. */
  readonly patch: number;
  readonly classes: number;
}

/** A tensor that a kernel takes. */
interface Input {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly values: (key: Key) => Float32Array | Int32Array;
  /** Whether the gradient for it is asked for. */
  readonly trained: boolean;
}

/** A kernel as a function of tensors, and what it takes. */
export interface KernelCase {
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor[];
  /** Multiplications and additions of the forward and backward pass, where products decide. */
  readonly flops?: number;
}

/** The kernels of a pretraining step, and of fine-tuning's loss. */
export function kernelCases(sizes: KernelSizes): KernelCase[] {
  return [
    ...productCases(sizes),
    ...branchCases(sizes),
    attentionCase(sizes),
    ...rowCases(sizes),
    ...tokenCases(sizes),
    ...lossCases(sizes),
    adamwCase(sizes),
  ];
}

const ones = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

function trained(...shape: number[]): Input {
  return { shape, dtype: 'float32', trained: true, values: (key) => normal(key, ones(shape)) };
}

function data(...shape: number[]): Input {
  return { ...trained(...shape), trained: false };
}

/** Of order one after the sum over the inputs. */
function weights(outputs: number, inputs: number): Input {
  return { ...trained(outputs, inputs), values: (key) => normal(key, outputs * inputs, 0, inputs ** -0.5) };
}

const layer = (weight: tf.Tensor | undefined, bias: tf.Tensor | undefined): Linear => ({
  weight: weight as tf.Tensor2D,
  bias: bias as tf.Tensor1D,
});

function productCases({ batch, tokens, dim }: KernelSizes): KernelCase[] {
  const rows = batch * (tokens + 1);
  const x = trained(batch, tokens + 1, dim);
  const product = (name: string, outputs: number): KernelCase => ({
    name: `${name}: linear ${dim} to ${outputs}`,
    inputs: [x, weights(outputs, dim), trained(outputs)],
    run: (input, weight, bias) => [linear(layer(weight, bias), input!)],
    flops: 6 * rows * dim * outputs,
  });
  return [
    product('qkv', 3 * dim),
    {
      name: `proj: linear ${dim} to ${dim}, residual`,
      inputs: [x, weights(dim, dim), trained(dim), x],
      run: (input, weight, bias, residual) => [linearPlus(layer(weight, bias), input!, residual!)],
      flops: 6 * rows * dim * dim,
    },
    {
      name: `mlp ${dim} to ${4 * dim} to ${dim}, residual`,
      inputs: [x, weights(4 * dim, dim), trained(4 * dim), weights(dim, 4 * dim), trained(dim), x],
      run: (input, weight1, bias1, weight2, bias2, residual) => [
        mlp(layer(weight1, bias1), layer(weight2, bias2), input!, residual!),
      ],
      flops: 48 * rows * dim * dim,
    },
    ...[false, true].flatMap((transposeA) =>
      [false, true].map(
        (transposeB): KernelCase => ({
          name: `matMul ${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`,
          inputs: [
            transposeA ? data(dim, rows) : data(rows, dim),
            transposeB ? data(2 * dim, dim) : data(dim, 2 * dim),
          ],
          run: (a, b) => [matMul(a!, b!, { transposeA, transposeB })],
          flops: 4 * rows * dim * dim,
        }),
      ),
    ),
  ];
}

/** The branches of a block, which half precision keeps halves within. */
export function branchCases({ batch, tokens, dim, heads }: KernelSizes): KernelCase[] {
  const rows = batch * (tokens + 1);
  const inputs = (inner: number, outer: number): Input[] => [
    trained(batch, tokens + 1, dim),
    ...[trained(dim), trained(dim), weights(inner, dim), trained(inner), weights(dim, outer), trained(dim)],
  ];
  const branch = (...[scale, shift, weight1, bias1, weight2, bias2]: tf.Tensor[]): Branch => ({
    norm: { weight: scale as tf.Tensor1D, bias: shift as tf.Tensor1D },
    first: layer(weight1, bias1),
    second: layer(weight2, bias2),
  });
  return [
    {
      name: `attention branch, ${heads} heads of ${dim / heads}`,
      inputs: inputs(3 * dim, dim),
      run: (x, ...params) => [attentionBranch(branch(...params), x as tf.Tensor3D, heads)],
      flops: 24 * rows * dim * dim + 18 * rows * (tokens + 1) * dim,
    },
    {
      name: `MLP branch ${dim} to ${4 * dim} to ${dim}`,
      inputs: inputs(4 * dim, 4 * dim),
      run: (x, ...params) => [mlpBranch(branch(...params), x as tf.Tensor3D)],
      flops: 48 * rows * dim * dim,
    },
  ];
}

function attentionCase({ batch, tokens, dim, heads }: KernelSizes): KernelCase {
  return {
    name: `attention, ${tokens + 1} tokens, ${heads} heads of ${dim / heads}`,
    inputs: [trained(batch, tokens + 1, 3 * dim)],
    run: (qkv) => [attention(qkv as tf.Tensor3D, heads)],
    // Scores and their sums forward; backward three products for dQ and four for dK and dV.
    flops: 9 * 2 * batch * (tokens + 1) ** 2 * dim,
  };
}

function rowCases({ batch, tokens, dim }: KernelSizes): KernelCase[] {
  const x = trained(batch, tokens + 1, dim);
  return [
    {
      name: 'layer norm',
      inputs: [x, trained(dim), trained(dim)],
      run: (input, weight, bias) => [
        layerNorm({ weight: weight as tf.Tensor1D, bias: bias as tf.Tensor1D }, input!),
      ],
    },
    { name: 'GELU', inputs: [x], run: (input) => [gelu(input!)] },
  ];
}

/** The masking plan's halves, each the other's inverse: one plan whatever the key. */
function planInputs({ batch, tokens }: KernelSizes): { ids: Input[]; keep: number } {
  const { keep, idsKeep, idsRestore } = randomMasking(seed(1), { batch, tokens, ratio: 0.75 });
  const half = (values: Int32Array, count: number): Input => ({
    ...{ shape: [batch, count], dtype: 'int32', trained: false, values: () => values },
  });
  return { ids: [half(idsKeep, keep), half(idsRestore, tokens)], keep };
}

function tokenCases(sizes: KernelSizes): KernelCase[] {
  const { batch, tokens, dim } = sizes;
  const { ids, keep } = planInputs(sizes);
  const plan = (idsKeep: tf.Tensor | undefined, idsRestore: tf.Tensor | undefined) => ({
    idsKeep: idsKeep as tf.Tensor2D,
    idsRestore: idsRestore as tf.Tensor2D,
  });
  return [
    {
      name: 'gather tokens',
      inputs: [trained(batch, tokens, dim), ...ids],
      run: (x, idsKeep, idsRestore) => [gatherTokens(x as tf.Tensor3D, plan(idsKeep, idsRestore))],
    },
    {
      name: 'restore tokens',
      inputs: [trained(batch, keep, dim), trained(1, 1, dim), ...ids],
      run: (visible, mask, idsKeep, idsRestore) => [
        restoreTokens(visible as tf.Tensor3D, mask as tf.Tensor3D, plan(idsKeep, idsRestore)),
      ],
    },
    {
      name: 'class token, and without it',
      inputs: [trained(batch, tokens, dim), trained(1, 1, dim)],
      run: (x, token) => [sliceTokens(prependClassToken(x as tf.Tensor3D, token as tf.Tensor3D), 1)],
    },
  ];
}

function lossCases({ batch, tokens, patch, classes }: KernelSizes): KernelCase[] {
  const mask: Input = {
    ...data(batch, tokens),
    values: (key) => uniform(key, batch * tokens).map((x, index) => (index === 0 || x < 0.75 ? 1 : 0)),
  };
  const targets: Input = {
    ...data(batch, classes),
    values: (key) => uniform(key, batch * classes).map((x) => x / classes),
  };
  return [
    {
      name: 'norm-pix target',
      inputs: [data(batch, tokens, patch)],
      run: (patches) => [normPixTarget(patches as tf.Tensor3D)],
    },
    {
      name: 'masked MSE',
      inputs: [trained(batch, tokens, patch), data(batch, tokens, patch), mask],
      run: (prediction, target, removed) => [
        maskedMse(prediction as tf.Tensor3D, target as tf.Tensor3D, removed as tf.Tensor2D),
      ],
    },
    {
      name: 'softmax cross-entropy',
      inputs: [trained(batch, classes), targets],
      run: (logits, wanted) => [softmaxCrossEntropy(logits as tf.Tensor2D, wanted as tf.Tensor2D)],
    },
  ];
}

function adamwCase({ dim }: KernelSizes): KernelCase {
  const scalar = (value: number): Input => ({ ...data(), values: () => Float32Array.of(value) });
  const v: Input = { ...data(4 * dim, dim), values: (key) => uniform(key, 4 * dim * dim) };
  const weight = data(4 * dim, dim);
  return {
    name: 'AdamW',
    inputs: [weight, weight, v, weight, scalar(1e-3), scalar(0.1), scalar(0.05), scalar(0.5)],
    run: (param, m, square, grad, lr, correction1, correction2, gradScale) => {
      // The kernel takes over what it updates; the case goes on with its inputs.
      const own = (tensor: tf.Tensor | undefined): tf.Tensor => tf.clone(tensor!);
      const taken = { param: own(param), m: own(m), v: own(square) };
      const scalars = { lr, correction1, correction2, gradScale } as Record<
        'lr' | 'correction1' | 'correction2' | 'gradScale',
        tf.Scalar
      >;
      const attrs = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.05, lrScale: 1 };
      return adamw({ ...taken, grad: grad!, ...scalars }, attrs);
    },
  };
}

/** A kernel's inputs on the current engine, and its two passes. */
export interface KernelPass {
  /** Forward, and backward where the kernel has gradients. @returns outputs, then gradients */
  run(): tf.Tensor[];
  dispose(): void;
}

/** Bring a kernel's inputs up. The gradient that comes in is drawn from the key too. */
export function prepareKernel({ inputs, run }: KernelCase, key: Key): KernelPass {
  const tensors = inputs.map(({ shape, dtype, values }, index) =>
    tf.tensor(values(fold(key, index)), [...shape], dtype),
  );
  const trainedTensors = tensors.filter((_, index) => inputs[index]!.trained);
  if (trainedTensors.length === 0)
    return { run: () => tf.tidy(() => run(...tensors)), dispose: () => tf.dispose(tensors) };
  const { shape } = tf.tidy(() => run(...tensors)[0]!);
  const dy = tf.tensor(normal(fold(key, 'dy'), ones(shape)), shape);
  return {
    run: () =>
      tf.tidy(() => {
        const { value, grads } = tf.engine().gradients(() => run(...tensors)[0]!, trainedTensors, dy);
        return [value, ...grads];
      }),
    dispose: () => tf.dispose([...tensors, dy]),
  };
}
