import { type BackendName, openBackend, PROVIDERS } from '@maehem/backend';
import { beforeAll, describe, it } from 'vitest';

/** Asked once a test file: vitest wants to know before it declares a suite whether to skip it. */
const refusals: ReadonlyMap<BackendName, string | undefined> = new Map(
  await Promise.all(
    PROVIDERS.map(async (provider) => [provider.name, await provider.unavailable()] as const),
  ),
);

/** Engines that must open here: CI says which, so that a suite can't fall silent there. */
const promised: readonly string[] = (process.env['MAEHEM_PROMISED_BACKENDS'] ?? '').split(',');

/** A GPU in software takes a second to compile a kernel, and a step has forty. */
const TIMEOUTS: Partial<Record<BackendName, number>> = { webgpu: 240_000 };

/**
 * Declare a suite once and run it on every backend. One that cannot open on this machine is reported as
 * skipped, with the reason, or as failed where it was promised (MAEHEM_PROMISED_BACKENDS=webgpu,tensorflow).
 */
export function describeOnEveryBackend(name: string, suite: (backend: BackendName) => void): void {
  for (const { name: backend } of PROVIDERS) describeOnBackend(name, backend, () => suite(backend));
}

/** The same for a suite of one backend. */
export function describeOnBackend(name: string, backend: BackendName, suite: () => void): void {
  const reason = refusals.get(backend);
  describe(`${name} [${backend}]`, { timeout: TIMEOUTS[backend] ?? 60_000 }, () => {
    if (reason !== undefined) {
      it('opens', (context) => {
        if (promised.includes(backend)) throw new Error(`promised here, but ${reason}`);
        context.skip(reason);
      });
      return;
    }
    beforeAll(async () => void (await openBackend(backend)));
    suite();
  });
}
