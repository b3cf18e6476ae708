import { fold, permutation, seed } from '@maehem/random';
import {
  checkOp,
  describeOnEveryBackend,
  expectClose,
  loadTfjsGradients,
  randomTensor,
} from '@maehem/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { kernelModes, withKernelMode } from '../dispatch/kernel.js';
import { gatherTokens, restoreTokens, type TokenIds } from './gather-tokens.js';
import { gatherTokensReference, restoreTokensReference } from './reference.js';

const key = fold(seed(1), 'gather');

/** A random plan: `keep` of `tokens`, each sample with its own order. */
function plan(batch: number, tokens: number, keep: number): TokenIds {
  const kept: number[] = [];
  const restore: number[] = [];
  for (let b = 0; b < batch; b++) {
    const order = [...permutation(fold(key, b), tokens)];
    kept.push(...order.slice(0, keep));
    restore.push(...order.map((_, token) => order.indexOf(token)));
  }
  return {
    idsKeep: tf.tensor2d(kept, [batch, keep], 'int32'),
    idsRestore: tf.tensor2d(restore, [batch, tokens], 'int32'),
  };
}

beforeAll(loadTfjsGradients);

describeOnEveryBackend('gather and restore', (backend) => {
  describe.each(kernelModes(backend))('%s', (mode) => {
    it.each([
      ['one of one', 1, 1, 1],
      ['a quarter', 3, 16, 4],
      ['all', 2, 9, 9],
      ['one of 196', 2, 196, 1],
    ])('%s', async (_name, batch, tokens, keep) => {
      const ids = plan(batch, tokens, keep);
      const x = randomTensor(fold(key, 'x'), [batch, tokens, 5]);
      const visible = randomTensor(fold(key, 'visible'), [batch, keep, 5]);
      const fill = randomTensor(fold(key, 'fill'), [1, 1, 5]);
      await withKernelMode(mode, async () => {
        await checkOp({
          key,
          inputs: [x],
          op: (input) => gatherTokens(input as tf.Tensor3D, ids),
          reference: (input) => gatherTokensReference(input as tf.Tensor3D, ids.idsKeep),
        });
        await checkOp({
          key,
          inputs: [visible, fill],
          op: (input, token) => restoreTokens(input as tf.Tensor3D, token as tf.Tensor3D, ids),
          reference: (input, token) =>
            restoreTokensReference(input as tf.Tensor3D, token as tf.Tensor3D, ids.idsRestore),
        });
      });
    });
  });

  it('puts every visible token back where it came from', async () => {
    const ids = plan(2, 6, 2);
    const x = randomTensor<tf.Tensor3D>(fold(key, 'round trip'), [2, 6, 3]);
    const back = restoreTokens(gatherTokens(x, ids), tf.zeros([1, 1, 3]), ids);
    const visible = tf.cast(tf.less(ids.idsRestore, 2), 'float32');
    await expectClose(back, tf.mul(x, tf.reshape(visible, [2, 6, 1])));
  });
});
