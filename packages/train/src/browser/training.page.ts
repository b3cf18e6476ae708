// What the test trains, in a page and in Node.
import { dispose, type OpenOptions, openBackend } from '@maehem/backend';
import { initMae, type MaeConfig, smallMaePreset } from '@maehem/mae';
import { adamw, pretrainGroups } from '@maehem/optim';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { fold, normal, seed } from '@maehem/random';
import * as tf from '@tensorflow/tfjs-core';
import { type PretrainBatch, splitParams } from '../pretrain-task.js';
import { createParallelPretrainer, type PageWorker, threadsUnavailable } from './index.js';

const key = fold(seed(2), 'threads in a page');
const model: MaeConfig = smallMaePreset('small', {
  ...{ imageSize: [16, 16], dim: 24, depth: 1, heads: 2, decoderDim: 16, decoderDepth: 1 },
});

function batch(index: number): PretrainBatch {
  const name = fold(key, index);
  const plan = randomMasking(fold(name, 'mask'), { batch: 4, tokens: 16, ratio: 0.75 });
  const pixels = normal(fold(name, 'pixels'), 4 * 16 * 48);
  return { patches: tf.tensor3d(pixels, [4, 16, 48]), plan: uploadPlan(plan) };
}

/** What five steps on different batches come to. */
export interface Training {
  readonly losses: number[];
  /** How many workers were started. */
  readonly workers: number;
  readonly tensorsLeft: number;
  readonly unavailable: string | undefined;
}

export async function train(
  threads: number,
  open: OpenOptions,
  startWorker: () => PageWorker,
): Promise<Training> {
  await openBackend('wasm', open);
  const before = tf.memory().numTensors;
  const params = initMae(key, model);
  const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
  const optimizer = adamw({ schedule: () => 1e-3, treatments });
  let workers = 0;
  const worker = (): PageWorker => {
    workers += 1;
    return startWorker();
  };
  const run = createParallelPretrainer(
    { model, objective: { normPix: true }, optimizer, accumulate: 1, clipNorm: null },
    { params },
    { threads, worker, open },
  );
  const losses: number[] = [];
  try {
    for (let step = 0; step < 5; step++) {
      const used = batch(step);
      losses.push((await run.step([used])).loss);
      dispose(used);
    }
  } finally {
    run.dispose();
  }
  const tensorsLeft = tf.memory().numTensors - before;
  return { losses, workers, tensorsLeft, unavailable: threadsUnavailable() };
}

const { document, location, Worker } = globalThis as unknown as {
  document?: object;
  location: { origin: string };
  Worker: new (url: string, options: { type: 'module' }) => PageWorker;
};
if (document !== undefined)
  Object.assign(globalThis, {
    train: (threads: number, module = '/thread.js') =>
      train(threads, { wasmPath: `${location.origin}/wasm/` }, () => new Worker(module, { type: 'module' })),
  });
