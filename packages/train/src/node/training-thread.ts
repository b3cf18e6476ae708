import { Worker } from 'node:worker_threads';
import type { BackendName } from '@maehem/backend';
import type { GradientTask } from '../pretrain-task.js';
import type { BatchPart, HostValues } from './batch-part.js';
import type { ParameterLayout } from './shared-parameters.js';

/** What a thread is started with. */
export interface ThreadStart {
  readonly backend: BackendName;
  readonly task: GradientTask;
  readonly capture: boolean;
  readonly layout: ParameterLayout;
  /** Parameters that do not train. */
  readonly frozen: readonly HostValues[];
  /** Read by the thread when a step begins. */
  readonly weights: Float32Array;
  /** Written by the thread before it replies. */
  readonly gradients: Float32Array;
}

/** One step's work for a thread, one part for each accumulated batch; it replies with their losses. */
export type ThreadRequest = readonly BatchPart[];
export type ThreadReply = readonly number[];

/** A thread that computes gradients on a replica of the parameters. */
export interface TrainingThread {
  /** @throws when the thread fails or has failed, with its message. */
  gather(parts: ThreadRequest): Promise<ThreadReply>;
  stop(): void;
}

/**
 * Start a thread.
 * @param place for messages: 1 is the main thread
 * @param url of the built worker
 * @param execArgv Node's options for it; those of this process unless given
 */
export function startThread(
  place: number,
  url: URL,
  start: ThreadStart,
  execArgv?: readonly string[],
): TrainingThread {
  // Handing on this process's own list is not the same: Node refuses options there that hold for all threads.
  const options = execArgv === undefined ? {} : { execArgv: [...execArgv] };
  const worker = new Worker(url, { workerData: start, ...options });
  let failure: Error | undefined;
  let waiting: PromiseWithRejection | undefined;

  const settle = (act: (pending: PromiseWithRejection) => void): void => {
    worker.unref();
    const pending = waiting;
    waiting = undefined;
    if (pending !== undefined) act(pending);
  };
  const fail = (reason: string): void => {
    failure ??= new Error(`training thread ${place} failed: ${reason}`);
    settle(({ reject }) => reject(failure!));
  };
  worker.on('message', (losses: ThreadReply) => settle(({ resolve }) => resolve(losses)));
  worker.on('error', (error: unknown) => fail((error as Error | null)?.message ?? String(error)));
  worker.on('exit', (code) => fail(`it ended early (exit ${code})`));
  // An idle thread must not keep the process alive; one that is waited for must.
  worker.unref();

  return {
    gather: (parts) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        waiting = { resolve, reject };
        worker.ref();
        const buffers = parts.flat().map(({ values }) => values.buffer as ArrayBuffer);
        worker.postMessage(parts satisfies ThreadRequest, buffers);
      }),
    stop: () => void worker.terminate(),
  };
}

interface PromiseWithRejection {
  resolve(losses: ThreadReply): void;
  reject(error: Error): void;
}
