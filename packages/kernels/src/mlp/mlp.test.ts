import { fold, seed } from '@maehem/random';
import { checkOp, describeOnEveryBackend, loadTfjsGradients, randomTensor } from '@maehem/testing';
import type * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelMode, withKernelMode } from '../dispatch/kernel.js';
import type { Linear } from '../linear/linear.js';
import { mlp } from './mlp.js';
import { mlpReference } from './reference.js';

const key = fold(seed(1), 'mlp');
const layer = (name: string, inputs: number, outputs: number): Linear => ({
  weight: randomTensor(fold(key, `${name}.weight`), [outputs, inputs]),
  bias: randomTensor(fold(key, `${name}.bias`), [outputs]),
});
const layers = (tensors: readonly tf.Tensor[]): [Linear, Linear] => {
  const [weight1, bias1, weight2, bias2] = tensors as [tf.Tensor2D, tf.Tensor1D, tf.Tensor2D, tf.Tensor1D];
  return [
    { weight: weight1, bias: bias1 },
    { weight: weight2, bias: bias2 },
  ];
};

beforeAll(loadTfjsGradients);

describeOnEveryBackend('mlp', () => {
  describe.each<KernelMode>(['native', 'composite'])('%s', (mode) => {
    it.each([
      ['tokens', [2, 5, 8], 16, 8],
      ['odd widths', [1, 17, 5], 7, 3],
    ])('%s', async (_name, shape, hidden, outputs) => {
      const x = randomTensor(fold(key, 'x'), shape);
      const [fc1, fc2] = [layer('fc1', shape[2]!, hidden), layer('fc2', hidden, outputs)];
      const residual = randomTensor(fold(key, 'residual'), [...shape.slice(0, 2), outputs]);
      const inputs = [x, fc1.weight, fc1.bias, fc2.weight, fc2.bias];
      const op = (input: tf.Tensor, ...rest: tf.Tensor[]) => mlp(...layers(rest), input, rest[4]);
      const reference = (input: tf.Tensor, ...rest: tf.Tensor[]) =>
        mlpReference(...layers(rest), input, rest[4]);
      await withKernelMode(mode, () => checkOp({ key, inputs, op, reference }));
      await withKernelMode(mode, () => checkOp({ key, inputs: [...inputs, residual], op, reference }));
    });
  });

  it('names the widths that do not fit', () => {
    expect(() => mlp(layer('fc1', 4, 8), layer('fc2', 8, 4), randomTensor(key, [2, 5]))).toThrow(
      'ends in 5, but weight [8,4] takes 4',
    );
    expect(() => mlp(layer('fc1', 5, 8), layer('fc2', 9, 4), randomTensor(key, [2, 5]))).toThrow(
      'fc1 makes 8 features, but fc2 takes 9',
    );
  });
});
