/** The exit code of a process that was interrupted: 128 + SIGINT. */
export const INTERRUPTED = 130;

/** One Ctrl-C can arrive twice, from the terminal and forwarded by npm: a second one within this time is the same. */
const SAME_INTERRUPT_MS = 500;

/**
 * Ctrl-C while a run goes on: the first asks it to stop after the step at hand, a second exits at once.
 * @returns whether to stop, and a function to stop listening
 */
export function onInterrupt(announce: () => void): {
  readonly requested: () => boolean;
  readonly release: () => void;
} {
  let requestedAt: number | undefined;
  const listener = (): void => {
    const now = performance.now();
    if (requestedAt === undefined) announce();
    else if (now - requestedAt > SAME_INTERRUPT_MS) process.exit(INTERRUPTED);
    requestedAt ??= now;
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return {
    requested: () => requestedAt !== undefined,
    release: () => {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    },
  };
}
