import { engineName } from './capture.js';
import type { BackendName, Precision } from './provider.js';

const chosen = new Map<string, Precision>();

/** Note what an engine was opened with. */
export function choosePrecision(backend: BackendName, precision: Precision): void {
  chosen.set(backend, precision);
}

/** The precision of matrix products on the current engine, as it was opened. */
export function currentPrecision(): Precision {
  return chosen.get(engineName()) ?? 'float32';
}
