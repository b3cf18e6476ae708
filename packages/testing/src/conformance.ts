import { type BackendName, openBackend, PROVIDERS } from '@maehem/backend';
import { beforeAll, describe, it } from 'vitest';

/**
 * Declare a suite once and run it on every backend. One that cannot open on this machine is reported as
 * skipped, with the reason.
 */
export function describeOnEveryBackend(name: string, suite: (backend: BackendName) => void): void {
  for (const provider of PROVIDERS) {
    describe(`${name} [${provider.name}]`, () => {
      let reason: string | undefined;
      beforeAll(async () => {
        reason = await provider.unavailable();
        if (reason === undefined) await openBackend(provider.name);
      });
      it('opens', (context) => {
        if (reason !== undefined) context.skip(reason);
      });
      suite(provider.name);
    });
  }
}
