import { type BackendName, dispose, engineName, hostMemory, type OpenOptions } from '@maehem/backend';
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
import { startThread, type WorkerEvents, type WorkerPort } from './training-thread.js';

/** The threads that a host offers. */
export interface Threads {
  /** The calling thread included. */
  readonly threads: number;
  /** How each opens its engine. */
  readonly open: OpenOptions;
  readonly connect: (events: WorkerEvents) => WorkerPort;
}

/**
 * A pretrainer that spreads each step over threads: data parallel, with a replica of the parameters on an engine
 * of its own in each. Every thread takes an equal part of each batch, the calling one the first; their gradients
 * are added in a fixed order and the optimizer runs once, so that a run repeats to the bit with the same number of
 * threads. With another number, sums round differently.
 */
export function parallelPretrainer(task: PretrainTask, start: PretrainStart, threads: Threads): Pretrainer {
  const capture = start.capture ?? true;
  const gradients = threadedGradients(task, start.params, capture, threads);
  return createPretrainer(task, { ...start, gradients });
}

/** Gradients by several threads, each on its part of every batch. */
function threadedGradients(
  { model, objective, recompute = 0 }: GradientTask,
  initial: Mae,
  capture: boolean,
  { threads, open, connect }: Threads,
): GradientSource<PretrainBatch> {
  const task = { model, objective, recompute };
  const template = templateOf(initial);
  const { trainable, frozen } = splitParams(initial);
  const layout = parameterLayout(trainable);
  const weights = shareFloats(layout);
  const memory = hostMemory(tf.backend());
  writeShared(layout, trainable, weights);
  const start = {
    ...{ backend: engineName() as BackendName, open, task, capture, layout, weights },
    frozen: Object.entries(frozen).map(([path, tensor]) => {
      return { path, shape: tensor.shape, values: memory.view(tensor).slice() as Float32Array };
    }),
  };
  const gradients = Array.from({ length: threads - 1 }, () => shareFloats(layout));
  const others = gradients.map((shared, index) =>
    startThread(index + 2, { ...start, gradients: shared }, connect),
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

/** @throws when it is no number of threads. */
export function assertThreads(threads: number): void {
  if (!Number.isSafeInteger(threads) || threads < 1)
    throw new Error(`threads must be a whole number of at least 1, got ${threads}`);
}
