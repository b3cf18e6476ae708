import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from '../dispatch/differentiable.js';
import { sumRows } from '../row-sums/row-sums.js';
import { takeTokens } from './take-tokens.js';

/**
 * Put the class token before the others.
 * @param tokens [batch, token, dim]
 * @param classToken [1, 1, dim]
 * @returns [batch, 1 + token, dim]
 */
export function prependClassToken(tokens: tf.Tensor3D, classToken: tf.Tensor3D): tf.Tensor3D {
  const [batch, count, dim] = tokens.shape;
  return differentiable<tf.Tensor3D>(
    [tokens, classToken],
    () => ({
      // Adding zeros repeats the token: tfjs's broadcastTo goes through `tile`.
      value: tf.tidy(() =>
        tf.concat([tf.add(classToken, tf.zeros([batch, 1, dim])), tokens], 1),
      ) as tf.Tensor3D,
      saved: [],
    }),
    (dy) => {
      const [dtokens] = takeTokens({ x: dy }, { begin: 1, count }) as [tf.Tensor3D];
      const dclass = tf.tidy(() => {
        const [first] = takeTokens({ x: dy }, { begin: 0, count: 1 });
        return tf.reshape(sumRows({ x: first! }, {})[0]!, [1, 1, dim]);
      });
      return [dtokens, dclass];
    },
  );
}

/**
 * A run of consecutive tokens; `sliceTokens(x, 1)` drops the class token.
 * @param x [batch, token, dim]
 * @returns [batch, count, dim]
 */
export function sliceTokens(x: tf.Tensor3D, begin: number, count: number = x.shape[1] - begin): tf.Tensor3D {
  const [batch, tokens, dim] = x.shape;
  return differentiable<tf.Tensor3D>(
    [x],
    () => ({ value: takeTokens({ x }, { begin, count })[0] as tf.Tensor3D, saved: [] }),
    (dy) => [
      tf.tidy(() => {
        const before = tf.zeros([batch, begin, dim]);
        const after = tf.zeros([batch, tokens - begin - count, dim]);
        return tf.concat(
          [before, dy, after].filter((part) => part.size > 0),
          1,
        );
      }),
    ],
  );
}
