// The entry of a training thread: a replica of the parameters, and gradients for its part of each batch.
import { parentPort, workerData } from 'node:worker_threads';
import { dispose, openBackend } from '@maehem/backend';
import type { Mae } from '@maehem/mae';
import * as tf from '@tensorflow/tfjs-core';
import { localGradients } from '../gradient-source.js';
import { type PretrainBatch, pretrainObjective, splitParams } from '../pretrain-task.js';
import { uploadValues } from './batch-part.js';
import { readShared, writeShared } from './shared-parameters.js';
import type { ThreadReply, ThreadRequest, ThreadStart } from './training-thread.js';

const { backend, task, capture, layout, frozen, weights, gradients } = workerData as ThreadStart;
if (parentPort === null) throw new Error('pretrain-worker.js is started by createParallelPretrainer');
const port = parentPort;

await openBackend(backend);
const trainable = layout.slots.map(({ path, shape, offset }) => {
  const size = shape.reduce((product, n) => product * n, 1);
  return { path, shape, values: weights.slice(offset, offset + size) };
});
const template = uploadValues<Mae>([...trainable, ...frozen]);
const params = splitParams(template);
const source = localGradients(pretrainObjective(task), template, capture);

async function step(parts: ThreadRequest): Promise<ThreadReply> {
  readShared(layout, weights, params.trainable);
  const batches = parts.map((part) => uploadValues<PretrainBatch>(part));
  const { losses, grads } = await source.gather(params, batches);
  for (const batch of batches) dispose(batch);
  writeShared(layout, grads, gradients);
  dispose(grads);
  const values = losses.map((loss) => loss.dataSync()[0]!);
  tf.dispose(losses);
  return values;
}

// A rejection ends the thread, and its message reaches the main thread as the worker's error.
port.on('message', async (parts: ThreadRequest) => port.postMessage(await step(parts)));
