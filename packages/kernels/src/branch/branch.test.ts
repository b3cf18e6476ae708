import { capture, dispose } from '@maehem/backend';
import { fold, seed } from '@maehem/random';
import {
  checkOp,
  describeInHalfPrecision,
  describeOnBackend,
  difference,
  expectNoLeak,
  gradientsOf,
  loadTfjsGradients,
  randomTensor,
} from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { attentionReference } from '../attention/reference.js';
import { layerNormReference } from '../layer-norm/reference.js';
import { linearReference } from '../linear/reference.js';
import { mlpReference } from '../mlp/reference.js';
import { attentionBranch, type Branch, mlpBranch } from './branch.js';

const key = fold(seed(1), 'branch');
const EPS = 1e-6;

beforeAll(loadTfjsGradients);

type Op = (...tensors: tf.Tensor[]) => tf.Tensor;

/** x, and the parameters of a branch in the order of its gradients. */
function inputs(width: number, inner: number, out: number, tokens = 5): tf.Tensor[] {
  const random = (name: string, shape: number[], std = 1): tf.Tensor =>
    randomTensor(fold(key, name), shape, std);
  return [
    random('x', [2, tokens, width]),
    random('normWeight', [width]),
    random('normBias', [width], 0.5),
    random('weight1', [inner, width], 0.3),
    random('bias1', [inner], 0.5),
    random('weight2', [width, out], 0.3),
    random('bias2', [width], 0.5),
  ];
}

function branchOf(tensors: readonly tf.Tensor[]): { x: tf.Tensor3D; branch: Branch } {
  const [x, normWeight, normBias, weight1, bias1, weight2, bias2] = tensors as [
    tf.Tensor3D,
    tf.Tensor1D,
    tf.Tensor1D,
    tf.Tensor2D,
    tf.Tensor1D,
    tf.Tensor2D,
    tf.Tensor1D,
  ];
  const branch = {
    norm: { weight: normWeight, bias: normBias },
    first: { weight: weight1, bias: bias1 },
    second: { weight: weight2, bias: bias2 },
  };
  return { x, branch };
}

interface Case {
  readonly op: Op;
  readonly reference: Op;
  readonly inputs: () => tf.Tensor[];
}

function attentionCase(width: number, heads: number, residual: boolean, tokens = 5): Case {
  return {
    inputs: () => inputs(width, 3 * width, width, tokens),
    op: (...tensors) => {
      const { x, branch } = branchOf(tensors);
      return attentionBranch(branch, x, heads, { eps: EPS, residual });
    },
    reference: (...tensors) => {
      const { x, branch } = branchOf(tensors);
      const { norm, first, second } = branch;
      const normed = layerNormReference(x, norm.weight, norm.bias, EPS);
      const qkv = linearReference(normed, first.weight, first.bias) as tf.Tensor3D;
      const y = linearReference(attentionReference(qkv, heads), second.weight, second.bias);
      return residual ? tf.add(y, x) : y;
    },
  };
}

function mlpCase(width: number, hidden: number, residual: boolean): Case {
  return {
    inputs: () => inputs(width, hidden, hidden),
    op: (...tensors) => {
      const { x, branch } = branchOf(tensors);
      return mlpBranch(branch, x, { eps: EPS, residual });
    },
    reference: (...tensors) => {
      const { x, branch } = branchOf(tensors);
      const normed = layerNormReference(x, branch.norm.weight, branch.norm.bias, EPS);
      return mlpReference(branch.first, branch.second, normed, residual ? x : undefined);
    },
  };
}

const CASES: readonly [string, Case][] = [
  ['attention', attentionCase(16, 2, true)],
  ['attention of 33 tokens', attentionCase(24, 3, true, 33)],
  ['attention without residual', attentionCase(16, 4, false)],
  ['mlp', mlpCase(12, 20, true)],
  ['mlp without residual', mlpCase(16, 64, false)],
];

// In single precision a branch is composed of kernels that have suites of their own, or of the same as in half precision.
for (const backend of ['wasm', 'webgpu'] as const)
  describeOnBackend('branch', backend, () => {
    it.each([CASES[0]!, CASES[2]!, CASES[3]!, CASES[4]!])('%s', (_name, { op, reference, inputs }) =>
      checkOp({ key, op, reference, inputs: inputs() }),
    );
  });

/**
 * Half precision rounds each number that passes between two kernels to 11 bits, 2^-11 of it at most. A sum of many
 * such is off by little; a whole branch, forward and backward, by some of these steps of its largest number.
 */
const HALF = 2 ** -11;
const STEPS = 8;

describeInHalfPrecision('branch in half precision', () => {
  it.each(CASES)('%s', async (_name, { op, reference, inputs }) => {
    const tensors = inputs();
    const dy = randomTensor(fold(key, 'dy'), tensors[0]!.shape);
    const actual = gradientsOf(op, tensors, dy);
    const expected = gradientsOf(reference, tensors, dy);
    const pairs = [
      [actual.value, expected.value],
      ...actual.grads.map((grad, index) => [grad, expected.grads[index]!]),
    ] as [tf.Tensor, tf.Tensor][];
    for (const [index, [ours, theirs]] of pairs.entries()) {
      expect(ours.shape).toEqual(theirs.shape);
      const { relative } = difference(await ours.data(), await theirs.data());
      expect(relative, `tensor ${index}`).toBeLessThan(STEPS * HALF);
      // It is in half precision indeed.
      if (index === 0) expect(relative).toBeGreaterThan(HALF / 256);
    }
  });

  it('odd widths stay in single precision', async () => {
    const { op, reference, inputs } = mlpCase(6, 10, true);
    await checkOp({ key, op, reference, inputs: inputs() });
  });

  it('is captured, replays to the bit, and leaves nothing behind', async () => {
    const { op, inputs } = attentionCase(16, 2, true);
    const tensors = inputs();
    const dy = randomTensor(fold(key, 'dy'), tensors[0]!.shape);
    const step = ({ tensors }: { tensors: tf.Tensor[] }) => {
      const { value, grads } = gradientsOf(op, tensors, dy);
      return { value, grads };
    };
    const { program, outputs } = await capture(step, { tensors });
    const first = await outputs.value.data();
    dispose(outputs);
    await expectNoLeak(async () => {
      const again = program.run({ tensors });
      expect(await again.value.data()).toEqual(first);
      dispose(again);
    }, 5);
    program.dispose();
  });
});
