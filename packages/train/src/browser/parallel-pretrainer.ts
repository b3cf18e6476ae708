import type { OpenOptions } from '@maehem/backend';
import type { PretrainTask } from '../pretrain-task.js';
import { createPretrainer, type Pretrainer, type PretrainStart } from '../pretrainer.js';
import { assertThreads, parallelPretrainer } from '../threads/parallel-pretrainer.js';
import type { ThreadReply } from '../threads/protocol.js';
import type { WorkerEvents, WorkerPort } from '../threads/training-thread.js';

/** The part of the DOM's Worker that is used here: the project compiles without DOM types. */
export interface PageWorker {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  terminate(): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
}

/** How many threads, and where their code is. */
export interface PageThreadOptions {
  /** The calling thread included. Each batch must be a multiple of it. */
  readonly threads: number;
  /**
   * Starts a worker whose module calls `serveTrainingThread()`. Bundlers want to see it written out:
   * `() => new Worker(new URL('./thread.ts', import.meta.url), { type: 'module' })`.
   */
  readonly worker: () => PageWorker;
  /** As this thread opened its engine; addresses in it must be absolute. */
  readonly open?: OpenOptions;
}

/** Why training cannot be spread over threads on this page, or `undefined` when it can. */
export function threadsUnavailable(): string | undefined {
  const { crossOriginIsolated } = globalThis as { readonly crossOriginIsolated?: boolean };
  if (crossOriginIsolated === true) return undefined;
  return 'this page is not cross-origin isolated: serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';
}

/**
 * A pretrainer that spreads each step over workers: each takes an equal part of every batch, the calling thread the
 * first, on an engine of its own; gradients are added in a fixed order, so that a run repeats to the bit with the
 * same number of threads. Where threads cannot share memory ({@link threadsUnavailable}) it trains in one, silently.
 * Workers start at once and report at the first step; they end with `dispose`. On the engines that show their
 * memory: wasm and cpu.
 */
export function createParallelPretrainer(
  task: PretrainTask,
  start: PretrainStart,
  { threads, worker, open = {} }: PageThreadOptions,
): Pretrainer {
  assertThreads(threads);
  if (threads === 1 || threadsUnavailable() !== undefined) return createPretrainer(task, start);
  return parallelPretrainer(task, start, {
    threads,
    open,
    connect: (events) => connectWorker(events, worker),
  });
}

function connectWorker(events: WorkerEvents, start: () => PageWorker): WorkerPort {
  const worker = start();
  worker.onmessage = ({ data }) => events.reply(data as ThreadReply);
  worker.onerror = ({ message }) => events.fail(message ?? 'its module did not load');
  return {
    post: (message, transfer) => worker.postMessage(message, [...transfer]),
    hold: () => {}, // A page lives as long as it is open.
    terminate: () => worker.terminate(),
  };
}
