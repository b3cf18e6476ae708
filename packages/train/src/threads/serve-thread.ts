import { dispose, openBackend } from '@maehem/backend';
import type { Mae } from '@maehem/mae';
import * as tf from '@tensorflow/tfjs-core';
import { localGradients } from '../gradient-source.js';
import { type PretrainBatch, pretrainObjective, splitParams } from '../pretrain-task.js';
import { uploadValues } from './batch-part.js';
import type { ThreadReply, ThreadRequest, ThreadStart } from './protocol.js';
import { readShared, writeShared } from './shared-parameters.js';

/**
 * A training thread's side: a replica of the parameters, and gradients for its part of each batch.
 * @returns what takes the thread's messages, in their order
 */
export function serveThread(
  post: (reply: ThreadReply) => void,
): (message: ThreadStart | ThreadRequest) => void {
  let work: Promise<(parts: ThreadRequest) => Promise<number[]>> | undefined;
  return (message) => {
    if (work === undefined) work = startWork(message as ThreadStart);
    else
      void work
        .then((step) => step(message as ThreadRequest))
        .then(
          (losses) => post({ losses }),
          (error: unknown) => post({ error: error instanceof Error ? error.message : String(error) }),
        );
    work.catch(() => {}); // The first step reports it.
  };
}

async function startWork(start: ThreadStart): Promise<(parts: ThreadRequest) => Promise<number[]>> {
  const { backend, open, task, capture, layout, frozen, weights, gradients } = start;
  await openBackend(backend, open);
  const trainable = layout.slots.map(({ path, shape, offset }) => {
    const size = shape.reduce((product, n) => product * n, 1);
    return { path, shape, values: weights.slice(offset, offset + size) };
  });
  const template = uploadValues<Mae>([...trainable, ...frozen]);
  const params = splitParams(template);
  const source = localGradients(pretrainObjective(task), template, capture);
  return async (parts) => {
    readShared(layout, weights, params.trainable);
    const batches = parts.map((part) => uploadValues<PretrainBatch>(part));
    const { losses, grads } = await source.gather(params, batches);
    for (const batch of batches) dispose(batch);
    writeShared(layout, grads, gradients);
    dispose(grads);
    const values = losses.map((loss) => loss.dataSync()[0]!);
    tf.dispose(losses);
    return values;
  };
}
