import { type BackendName, dispose, engineName, hostMemory } from '@maehem/backend';
import type { Mae } from '@maehem/mae';
import * as tf from '@tensorflow/tfjs-core';
import { type GradientSource, localGradients } from '../gradient-source.js';
import {
  type GradientTask,
  type PretrainBatch,
  type PretrainTask,
  pretrainObjective,
  splitParams,
} from '../pretrain-task.js';
import { createPretrainer, type Pretrainer, type PretrainStart } from '../pretrainer.js';
import { templateOf } from '../training-step.js';
import { cutBatch, uploadValues } from './batch-part.js';
import { addShared, parameterLayout, shareFloats, writeShared } from './shared-parameters.js';
import { startThread } from './training-thread.js';

/** How many threads, and where their code is. */
export interface ThreadOptions {
  /** The calling thread included. Each batch must be a multiple of it. */
  readonly threads: number;
  /** The built `pretrain-worker.js`, for bundles that put it elsewhere than beside this module. */
  readonly workerUrl?: URL;
  /** Node's options for the threads; those of this process unless given. */
  readonly execArgv?: readonly string[];
}

/** Why training cannot be spread over threads here, or `undefined` when it can. */
export function threadsUnavailable(): string | undefined {
  return typeof SharedArrayBuffer === 'undefined' ? 'this host has no SharedArrayBuffer' : undefined;
}

/**
 * A pretrainer that spreads each step over threads: data parallel, with a replica of the parameters on an engine
 * of its own in each. Every thread takes an equal part of each batch, the calling one the first; their gradients
 * are added in a fixed order and the optimizer runs once, so that a run repeats to the bit with the same number of
 * threads. With another number, sums round differently. With one thread it is `createPretrainer`.
 * Threads start at once and report at the first step; they end with `dispose`.
 * @throws when threads cannot share memory here, or the engine does not show its memory.
 */
export function createParallelPretrainer(
  task: PretrainTask,
  start: PretrainStart,
  options: ThreadOptions,
): Pretrainer {
  const { threads } = options;
  if (!Number.isSafeInteger(threads) || threads < 1)
    throw new Error(`threads must be a whole number of at least 1, got ${threads}`);
  if (threads === 1) return createPretrainer(task, start);
  const refusal = threadsUnavailable();
  if (refusal !== undefined) throw new Error(`cannot train in ${threads} threads: ${refusal}; use 1`);
  const capture = start.capture ?? true;
  return createPretrainer(task, {
    ...start,
    gradients: threadedGradients(task, start.params, capture, options),
  });
}

/** Gradients by several threads, each on its part of every batch. */
function threadedGradients(
  { model, objective }: GradientTask,
  initial: Mae,
  capture: boolean,
  options: ThreadOptions,
): GradientSource<PretrainBatch> {
  const { threads, workerUrl = new URL('./pretrain-worker.js', import.meta.url), execArgv } = options;
  const task = { model, objective };
  const template = templateOf(initial);
  const { trainable, frozen } = splitParams(initial);
  const layout = parameterLayout(trainable);
  const weights = shareFloats(layout);
  const memory = hostMemory(tf.backend());
  const start = {
    ...{ backend: engineName() as BackendName, task, capture, layout, weights },
    frozen: Object.entries(frozen).map(([path, tensor]) => {
      return { path, shape: tensor.shape, values: memory.view(tensor).slice() as Float32Array };
    }),
  };
  const gradients = Array.from({ length: threads - 1 }, () => shareFloats(layout));
  const others = gradients.map((shared, index) =>
    startThread(index + 2, workerUrl, { ...start, gradients: shared }, execArgv),
  );
  const own = localGradients(pretrainObjective(task), template, capture);

  return {
    parts: threads,
    gather: async (params, batches) => {
      const cut = batches.map((batch) => cutBatch(batch, threads));
      writeShared(layout, params.trainable, weights);
      const theirs = Promise.all(others.map((thread, i) => thread.gather(cut.map((parts) => parts[i + 1]!))));
      theirs.catch(() => {}); // It is awaited below, unless our own part fails first.
      const mine = cut.map((parts) => uploadValues<PretrainBatch>(parts[0]!));
      const { losses, grads } = await own.gather(params, mine).finally(() => mine.forEach(dispose));
      try {
        const further = (await theirs).flat().map((loss) => tf.scalar(loss));
        return { losses: [...losses, ...further], grads: addShared(layout, grads, gradients) };
      } catch (error) {
        tf.dispose(losses);
        throw error;
      } finally {
        dispose(grads);
      }
    },
    dispose: () => {
      own.dispose();
      for (const thread of others) thread.stop();
    },
  };
}
