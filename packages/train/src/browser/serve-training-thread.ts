import type { ThreadReply, ThreadRequest, ThreadStart } from '../threads/protocol.js';
import { serveThread } from '../threads/serve-thread.js';

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

/** Make this worker a training thread: all that the module of `PageThreadOptions.worker` needs to call. */
export function serveTrainingThread(): void {
  const scope = globalThis as unknown as WorkerScope;
  const take = serveThread((reply: ThreadReply) => scope.postMessage(reply));
  scope.onmessage = ({ data }) => take(data as ThreadStart | ThreadRequest);
}
