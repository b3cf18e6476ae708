import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, type Kernel } from '../dispatch/kernel.js';
import { asRows } from '../dispatch/rows.js';
import { gatherHost, restoreHost } from './host.js';
import type { GatherInputs, RestoreInputs } from './inputs.js';
import { gatherTensorFlow, restoreTensorFlow } from './tensorflow.js';
import { gatherWasm, restoreWasm } from './wasm.js';
import { gatherWebGpu, restoreWebGpu } from './webgpu.js';

/** ids within each sample → row numbers of the flattened batch. */
function rowIds(ids: tf.Tensor2D, tokens: number): tf.Tensor1D {
  const [batch, count] = ids.shape;
  const starts = tf.tensor2d(
    Int32Array.from({ length: batch }, (_, b) => b * tokens),
    [batch, 1],
    'int32',
  );
  return tf.reshape(tf.add(ids, starts), [batch * count]);
}

function gather(x: tf.Tensor3D, ids: tf.Tensor2D): tf.Tensor3D {
  const [batch, tokens, dim] = x.shape;
  return tf.reshape(tf.gather(asRows(x), rowIds(ids, tokens)), [batch, ids.shape[1], dim]);
}

/** x [batch, token, dim], ids int32 [batch, keep] → [[batch, keep, dim]]. */
export const gatherKernel: Kernel<GatherInputs, Record<string, never>> = defineKernel({
  name: 'MaehemGatherTokens',
  tensorflow: gatherTensorFlow,
  host: gatherHost,
  wasm: gatherWasm,
  webgpu: gatherWebGpu,
  composite: ({ x, ids }: GatherInputs) => tf.tidy(() => [gather(x, ids)]),
});

/**
 * visible [batch, keep, dim], fill [dim], ids int32 [batch, token] → [[batch, token, dim]]: the visible
 * token of that number, or `fill` where ids >= keep. The gradient of a gather is a restore with zeros, and
 * the other way round: neither scatters.
 */
export const restoreKernel: Kernel<RestoreInputs, Record<string, never>> = defineKernel({
  name: 'MaehemRestoreTokens',
  tensorflow: restoreTensorFlow,
  host: restoreHost,
  wasm: restoreWasm,
  webgpu: restoreWebGpu,
  composite: ({ visible, fill, ids }: RestoreInputs) =>
    tf.tidy(() => {
      const [batch, keep, dim] = visible.shape;
      const last = tf.add(tf.reshape(fill, [1, 1, dim]), tf.zeros([batch, 1, dim]));
      return [
        gather(tf.concat([visible, last], 1) as tf.Tensor3D, tf.minimum(ids, tf.scalar(keep, 'int32'))),
      ];
    }),
});
