import type { Backend } from '@maehem/backend';
import type { PretrainSettings } from '@maehem/settings';
import type { PretrainingOptions } from '@maehem/train';
import { createParallelPretrainer, type PageWorker, threadsUnavailable } from '@maehem/train/browser';

/** By this name a worker knows that it is a training thread, not the trainer. */
export const THREAD_NAME = 'maehem training thread';

/** Beyond so many, adding their gradients up takes longer than they save. */
const MOST = 8;
/** Images that a thread should have of a batch: below, waiting for the others outweighs its work. */
const LEAST_IMAGES = 4;

/** How many threads suit a batch on this machine: as many as it has cores for, that divide the batch. */
export function suitableThreads(batch: number, cores: number = navigator.hardwareConcurrency): number {
  if (threadsUnavailable() !== undefined) return 1;
  const most = Math.min(MOST, cores, Math.floor(batch / LEAST_IMAGES));
  for (let threads = most; threads > 1; threads--) if (batch % threads === 0) return threads;
  return 1;
}

/** Why an engine trains in one thread here, or `undefined`. */
export function refusalOfThreads({ name, capabilities }: Backend): string | undefined {
  return capabilities.sharedMemory ? threadsUnavailable() : `${name} divides its work itself`;
}

/** Steps that are shared by the threads that a run asks for. */
export function inThreads({ threads }: PretrainSettings, site: string): PretrainingOptions {
  const open = { wasmPath: enginePath(site) };
  return {
    pretrainer: (task, start) =>
      createParallelPretrainer(task, start, { threads, worker: startThread, open }),
  };
}

/** The same module under another name: threads need what the trainer needs, and it is loaded already. */
function startThread(): PageWorker {
  return new Worker(self.location.href, { type: 'module', name: THREAD_NAME }) as PageWorker;
}

/** The folder of the site that holds tfjs's binaries. */
export function enginePath(site: string): string {
  return new URL('tfjs/', site).href;
}
