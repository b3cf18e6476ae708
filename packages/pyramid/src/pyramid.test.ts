import { fold, normal, seed } from '@maehem/random';
import {
  checkOp,
  describeOnEveryBackend,
  expectClose,
  expectNoLeak,
  loadTfjsGradients,
} from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { convolution, neighbourhoods } from './convolution.js';
import {
  doubleResolution,
  featureMap,
  featurePyramid,
  halveResolution,
  initPyramid,
  initSegmenter,
  meanIntersectionOverUnion,
  repeatTokens,
  segment,
} from './index.js';

const random = (name: string, ...shape: number[]): tf.Tensor =>
  tf.tensor(
    normal(
      fold(seed(6), name),
      shape.reduce((product, n) => product * n, 1),
    ),
    shape,
  );
const map = (tokens: tf.Tensor, rows: number, columns: number) =>
  featureMap(tokens as tf.Tensor3D, [rows, columns]);
const image = (x: tf.Tensor, rows: number, columns: number) =>
  tf.reshape(x, [x.shape[0]!, rows, columns, x.shape[2]!]) as tf.Tensor4D;

describeOnEveryBackend('maps', () => {
  beforeAll(loadTfjsGradients);

  it('of 3 x 3 neighbourhoods are convolutions, backward too', async () => {
    const [x, weight] = [random('x', 2, 3 * 4, 2), random('w', 5, 9 * 2)];
    const bias = tf.zeros([5]) as tf.Tensor1D;
    const kernel = tf.reshape(tf.transpose(weight, [1, 0]), [3, 3, 2, 5]) as tf.Tensor4D;
    const ours = convolution({ weight: weight as tf.Tensor2D, bias }, map(x, 3, 4)).tokens;
    await expectClose(ours, tf.conv2d(image(x, 3, 4), kernel, 1, 'same'));
    // tfjs's gradient of conv2d is not there on every engine; that of its parts is.
    await checkOp({
      op: (t) => neighbourhoods(map(t, 3, 4)),
      reference: (t) => {
        const padded = tf.pad(image(t, 3, 4), [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ]);
        const shifted = [0, 1, 2].flatMap((row) =>
          [0, 1, 2].map((column) => tf.slice(padded, [0, row, column, 0], [2, 3, 4, 2])),
        );
        return tf.reshape(tf.concat(shifted, 3), [2, 12, 18]);
      },
      inputs: [x],
      key: seed(1),
    });
  });

  it('are doubled as transposed convolutions do', async () => {
    const [x, weight] = [random('x', 2, 6, 2), random('w', 12, 2)];
    const bias = tf.zeros([12]) as tf.Tensor1D;
    // [4 * out, in] is [height, width, out, in].
    const kernel = tf.reshape(weight, [2, 2, 3, 2]) as tf.Tensor4D;
    const ours = doubleResolution({ weight: weight as tf.Tensor2D, bias }, map(x, 2, 3)).tokens;
    await expectClose(ours, tf.conv2dTranspose(image(x, 2, 3), kernel, [2, 4, 6, 3], 2, 'valid'));
    await checkOp({
      op: (t) => doubleResolution({ weight: weight as tf.Tensor2D, bias }, map(t, 2, 3)).tokens,
      reference: (t) => {
        const spread = tf.matMul(tf.reshape(t, [12, 2]), weight as tf.Tensor2D, false, true);
        const cells = tf.transpose(tf.reshape(spread, [4, 3, 2, 6]), [0, 2, 1, 3]);
        return tf.reshape(cells, [2, 24, 3]);
      },
      inputs: [x],
      key: seed(2),
    });
  });

  it('are halved by their maximum, and repeated', async () => {
    await checkOp({
      op: (t) => halveResolution(map(t, 4, 2)).tokens,
      reference: (t) => tf.reshape(tf.maxPool(image(t, 4, 2), 2, 2, 'valid'), [2, 2, 3]),
      inputs: [random('x', 2, 8, 3)],
      key: seed(3),
      epsilon: 1e-3,
      tolerance: 1e-3,
    });
    await checkOp({
      op: (t) => repeatTokens(map(t, 2, 3), 2).tokens,
      reference: (t) => tf.reshape(tf.image.resizeNearestNeighbor(image(t, 2, 3), [4, 6]), [1, 24, 3]),
      // One image: tfjs's own gradient is wrong for more on the cpu engine.
      inputs: [random('x', 1, 6, 3)],
      key: seed(4),
    });
    expect(() => halveResolution(map(tf.zeros([1, 6, 1]), 2, 3))).toThrow(
      'a map of 2x3 patches cannot be halved',
    );
  });

  it('make a pyramid of strides patch / 4 to 2 * patch, and a class per place', async () => {
    await expectNoLeak(async () => {
      const shapes = tf.tidy(() => {
        const pyramid = initPyramid(seed(1), { dim: 8, channels: 6 });
        const maps = featurePyramid(pyramid, map(random('x', 2, 4 * 6, 8), 4, 6));
        const logits = segment(initSegmenter(seed(2), { channels: 6, classes: 3 }), maps);
        expect(logits.tokens.shape).toEqual([2, 16 * 24, 3]);
        return maps.map(({ grid, tokens }) => [...grid, tokens.shape[2]]);
      });
      expect(shapes).toEqual([
        [16, 24, 6],
        [8, 12, 6],
        [4, 6, 6],
        [2, 3, 6],
      ]);
    }, 3);
  });
});

describe('meanIntersectionOverUnion', () => {
  it('counts classes that are there', () => {
    expect(meanIntersectionOverUnion([0, 0, 1, 1], [0, 1, 1, 1], 3)).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12);
    expect(meanIntersectionOverUnion([0, 1], [0, -1], 2)).toBe(1);
  });

  it('tokens and grid must agree', () => {
    expect(() => featureMap({ shape: [1, 5, 2] } as tf.Tensor3D, [2, 2])).toThrow(
      '5 tokens are no map of 2x2',
    );
  });
});
