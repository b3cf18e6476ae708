import { Worker } from 'node:worker_threads';
import type { PretrainTask } from '../pretrain-task.js';
import { createPretrainer, type Pretrainer, type PretrainStart } from '../pretrainer.js';
import { assertThreads, parallelPretrainer } from '../threads/parallel-pretrainer.js';
import type { ThreadReply } from '../threads/protocol.js';
import type { WorkerEvents, WorkerPort } from '../threads/training-thread.js';

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
 * A pretrainer that spreads each step over threads: each takes an equal part of every batch, the calling one the
 * first, on an engine of its own; gradients are added in a fixed order, so that a run repeats to the bit with the
 * same number of threads. With one thread it is `createPretrainer`. Threads start at once and report at the first
 * step; they end with `dispose`.
 * @throws when threads cannot share memory here, or the engine does not show its memory.
 */
export function createParallelPretrainer(
  task: PretrainTask,
  start: PretrainStart,
  options: ThreadOptions,
): Pretrainer {
  const { threads, workerUrl = new URL('./pretrain-worker.js', import.meta.url), execArgv } = options;
  assertThreads(threads);
  if (threads === 1) return createPretrainer(task, start);
  const refusal = threadsUnavailable();
  if (refusal !== undefined) throw new Error(`cannot train in ${threads} threads: ${refusal}; use 1`);
  const connect = (events: WorkerEvents) => connectWorker(events, workerUrl, execArgv);
  return parallelPretrainer(task, start, { threads, open: {}, connect });
}

function connectWorker(events: WorkerEvents, url: URL, execArgv?: readonly string[]): WorkerPort {
  // Handing on this process's own list is not the same: Node refuses options there that hold for all threads.
  const worker = new Worker(url, execArgv === undefined ? {} : { execArgv: [...execArgv] });
  worker.on('message', (reply: ThreadReply) => events.reply(reply));
  worker.on('error', (error: unknown) => events.fail((error as Error | null)?.message ?? String(error)));
  worker.on('exit', (code) => events.fail(`it ended early (exit ${code})`));
  return {
    post: (message, transfer) => worker.postMessage(message, [...transfer]),
    hold: (waitedFor) => (waitedFor ? worker.ref() : worker.unref()),
    terminate: () => void worker.terminate(),
  };
}
