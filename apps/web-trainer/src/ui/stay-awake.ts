import { effect } from '@preact/signals';
import { phase } from './session.js';

/** While a run trains, the screen stays on: a sleeping machine trains nothing. Browsers may refuse. */
export function stayAwake(): void {
  let lock: WakeLockSentinel | undefined;
  const acquire = async (): Promise<void> => {
    if (phase.value !== 'training' || document.visibilityState !== 'visible' || !('wakeLock' in navigator))
      return;
    lock ??= await navigator.wakeLock.request('screen').catch(() => undefined);
    lock?.addEventListener('release', () => {
      lock = undefined;
    });
  };
  document.addEventListener('visibilitychange', () => void acquire());
  effect(() => {
    if (phase.value === 'training') void acquire();
    else void lock?.release();
  });
}
