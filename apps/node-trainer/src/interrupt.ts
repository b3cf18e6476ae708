/** The exit code of a process that was interrupted: 128 + SIGINT. */
export const INTERRUPTED = 130;

/**
 * Ctrl-C while a run goes on: the first asks it to stop after the step at hand, a second exits at once.
 * @returns whether to stop, and a function to stop listening
 */
export function onInterrupt(announce: () => void): { readonly requested: () => boolean; readonly release: () => void } {
  let requested = false;
  const listener = (): void => {
    if (requested) process.exit(INTERRUPTED);
    requested = true;
    announce();
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return {
    requested: () => requested,
    release: () => {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    },
  };
}
