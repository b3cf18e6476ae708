import {
  add,
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
  meanTokens,
  mlp,
  mlpBranch,
  prependClassToken,
  restoreTokens,
  scaleSamples,
  sliceTokens,
  softmaxCrossEntropy,
} from '@maehem/kernels';
import { maskedMse, maskedNormPixMse, normPixTarget } from '@maehem/losses';
import { patchify, patchifyBytes, randomMasking } from '@maehem/patches';
import { seed, uniform } from '@maehem/random';
import type * as tf from '@tensorflow/tfjs-core';
import { data, type Input, type KernelCase, type KernelSizes, trained, weights } from './kernel-case.js';
import { updateCases } from './update-cases.js';

/** The kernels of pretraining, and of what else is trained. */
export function kernelCases(sizes: KernelSizes): KernelCase[] {
  return [
    ...productCases(sizes),
    ...branchCases(sizes),
    attentionCase(sizes),
    ...rowCases(sizes),
    ...tokenCases(sizes),
    ...lossCases(sizes),
    ...imageCases(sizes),
    ...updateCases(sizes),
  ];
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
    {
      name: 'positions added',
      inputs: [x, trained(1, tokens + 1, dim)],
      run: (input, positions) => [add(input!, positions!)],
    },
    {
      name: 'drop path',
      inputs: [x, data(batch)],
      run: (input, factors) => [scaleSamples(input as tf.Tensor3D, factors as tf.Tensor1D)],
    },
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
    {
      name: 'class token: its gradient, a sum of rows',
      inputs: [data(batch, tokens, dim), trained(1, 1, dim)],
      run: (x, token) => [prependClassToken(x as tf.Tensor3D, token as tf.Tensor3D)],
    },
    {
      name: 'mean of tokens',
      inputs: [trained(batch, tokens, dim)],
      run: (x) => [meanTokens(x as tf.Tensor3D)],
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
      name: 'norm-pix target and masked MSE',
      inputs: [trained(batch, tokens, patch), data(batch, tokens, patch), mask],
      run: (prediction, patches, removed) => [
        maskedNormPixMse(prediction as tf.Tensor3D, patches as tf.Tensor3D, removed as tf.Tensor2D),
      ],
    },
    {
      name: 'softmax cross-entropy',
      inputs: [trained(batch, classes), targets],
      run: (logits, wanted) => [softmaxCrossEntropy(logits as tf.Tensor2D, wanted as tf.Tensor2D)],
    },
  ];
}

/** Images of three channels and as many square patches, more or less, as the model has. */
function imageCases({ batch, tokens, patch }: KernelSizes): KernelCase[] {
  const side = Math.floor(Math.sqrt(patch / 3));
  const size = side * Math.floor(Math.sqrt(tokens));
  const words = Math.ceil((3 * size * size) / 4);
  const bytes: Input = {
    ...{ shape: [batch, words], dtype: 'int32', trained: false },
    values: (key) => Int32Array.from(uniform(key, batch * words), (x) => (x - 0.5) * 2 ** 32),
  };
  return [
    {
      name: 'patchify',
      inputs: [data(batch, size, size, 3)],
      run: (images) => [patchify(images as tf.Tensor4D, [side, side], IMAGENET)],
    },
    {
      name: 'patchify from bytes',
      inputs: [bytes, data(3, 256)],
      run: (pixels, levels) => [
        patchifyBytes(pixels as tf.Tensor2D, [size, size, 3], [side, side], levels as tf.Tensor2D),
      ],
    },
  ];
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
