/** A worker that was just ended lets go of its run a little later; another tab does not. */
const PATIENCE = 5000;

/**
 * Hold a run until this worker ends: two tabs that train the same run would overwrite each other's checkpoints.
 * @throws when another tab holds it.
 */
export function claimRun(id: string): Promise<void> {
  if (navigator.locks === undefined) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const held = (): Promise<never> => {
      resolve();
      return new Promise(() => {});
    };
    navigator.locks.request(`run ${id}`, { signal: AbortSignal.timeout(PATIENCE) }, held).catch(() => {
      reject(new Error('this run is open in another tab; close it there to go on here'));
    });
  });
}
