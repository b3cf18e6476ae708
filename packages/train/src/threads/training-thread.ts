import type { ThreadReply, ThreadRequest, ThreadStart } from './protocol.js';

/** A thread that computes gradients on a replica of the parameters. */
export interface TrainingThread {
  /** @throws when the thread fails or has failed, with its message. */
  gather(parts: ThreadRequest): Promise<readonly number[]>;
  stop(): void;
}

/** What a host's worker is to this module. */
export interface WorkerPort {
  post(message: ThreadStart | ThreadRequest, transfer: readonly ArrayBuffer[]): void;
  /** Is somebody waiting for it? An idle thread must not keep a process alive; one that is waited for must. */
  hold(waitedFor: boolean): void;
  terminate(): void;
}

/** What a host's worker tells. */
export interface WorkerEvents {
  reply(reply: ThreadReply): void;
  fail(reason: string): void;
}

/**
 * Start a thread.
 * @param place for messages: 1 is the calling thread
 * @param connect starts the host's worker
 */
export function startThread(
  place: number,
  start: ThreadStart,
  connect: (events: WorkerEvents) => WorkerPort,
): TrainingThread {
  let failure: Error | undefined;
  let waiting: { resolve(losses: readonly number[]): void; reject(error: Error): void } | undefined;

  const fail = (reason: string): void => {
    failure ??= new Error(`training thread ${place} failed: ${reason}`);
    settle()?.reject(failure);
  };
  const port = connect({
    reply: (reply) => ('error' in reply ? fail(reply.error) : settle()?.resolve(reply.losses)),
    fail,
  });
  const settle = (): typeof waiting => {
    const pending = waiting;
    waiting = undefined;
    port.hold(false);
    return pending;
  };
  port.post(start, []);
  port.hold(false);

  return {
    gather: (parts) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        waiting = { resolve, reject };
        port.hold(true);
        port.post(
          parts,
          parts.flat().map(({ values }) => values.buffer as ArrayBuffer),
        );
      }),
    stop: () => port.terminate(),
  };
}
