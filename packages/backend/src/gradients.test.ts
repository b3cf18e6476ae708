import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gradients } from './gradients.js';
import { openBackend } from './index.js';

/** x², which saves x. */
const square = (x: tf.Tensor, seen?: () => void): tf.Tensor =>
  tf.customGrad((input, save) => {
    (save as tf.GradSaveFunc)([input as tf.Tensor]);
    return {
      value: tf.square(input as tf.Tensor),
      gradFunc: (dy, [kept]) => {
        seen?.();
        return tf.mul(tf.mul(kept!, 2), dy);
      },
    };
  })(x);

/** a + b, whose gradients are dy itself. */
const plus = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
  tf.customGrad((x, y) => ({
    value: tf.add(x as tf.Tensor, y as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => [dy, dy],
  }))(a, b);

const values = (tensors: readonly (tf.Tensor | undefined)[]) =>
  tensors.map((tensor) => tensor && [...tensor.dataSync()]);

describe('gradients', () => {
  beforeAll(async () => void (await openBackend('cpu')));

  let before = 0;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });

  it('adds up what reaches an x by several ways, and leaves out what nothing depends on', () => {
    const [a, b, c] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 4]), tf.tensor1d([5, 6])];
    const { value, grads } = gradients(() => plus(square(a), plus(a, plus(b, b))), [a, b, c]);
    expect(values([value])).toEqual([[8, 14]]);
    expect(values(grads)).toEqual([[3, 5], [2, 2], undefined]);
    tf.dispose([a, b, c, value]);
    for (const grad of grads) grad?.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('takes the derivative of what follows, which stays the caller’s', () => {
    const [a, dy] = [tf.tensor1d([1, 2]), tf.tensor1d([10, 100])];
    const { grads } = gradients(() => square(a), [a], dy);
    expect(values([...grads, dy])).toEqual([
      [20, 400],
      [10, 100],
    ]);
  });

  it('lets go of each value after its last use', () => {
    const x = tf.tensor1d([1]);
    const alive: number[] = [];
    const chain = () => {
      let y: tf.Tensor = x;
      for (let i = 0; i < 5; i++) y = square(y, () => alive.push(tf.memory().numTensors));
      return y;
    };
    gradients(chain, [x]);
    // From the end of the chain to its start: one saved value less each time.
    for (let i = 1; i < 5; i++) expect(alive[i]! - alive[i - 1]!).toBe(-1);
  });

  it('runs inside another pass', () => {
    const x = tf.tensor1d([3]);
    const nested = tf.customGrad((input) => ({
      value: tf.square(input as tf.Tensor),
      gradFunc: (dy: tf.Tensor) => gradients(() => square(x), [x], dy).grads[0]!,
    }));
    const { grads } = gradients(() => square(plus(nested(x), x)), [x]);
    expect(values(grads)).toEqual([[2 * 12 * 7]]);
  });

  it('leaves nothing behind when the function fails, and names an op without a gradient', () => {
    const x = tf.tensor1d([1]);
    const failing = (): tf.Tensor => {
      square(x);
      throw new Error('on purpose');
    };
    expect(() => gradients(failing, [x])).toThrow('on purpose');
    expect(tf.memory().numTensors).toBe(before + 1);
    expect(() => gradients(() => tf.floor(x), [x])).toThrow('Floor has no gradient');
  });
});
