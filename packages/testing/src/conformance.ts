import { type BackendName, type OpenOptions, openBackend, PROVIDERS } from '@maehem/backend';
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
  describeOn({ title: `${name} [${backend}]`, backend, options: {}, reason: refusals.get(backend) }, suite);
}

/** WebGPU in half precision: on the adapter that other suites have, or on llvmpipe beside it. */
export const HALF_PRECISION: OpenOptions = await firstThatOpens([
  { precision: 'float16' },
  { precision: 'float16', adapter: 'llvmpipe' },
]);

async function firstThatOpens(choices: readonly [OpenOptions, ...OpenOptions[]]): Promise<OpenOptions> {
  for (const options of choices) if ((await noWebGpu(options)) === undefined) return options;
  return choices[0];
}

async function noWebGpu(options: OpenOptions): Promise<string | undefined> {
  const provider = PROVIDERS.find(({ name }) => name === 'webgpu');
  return provider === undefined ? 'there is no webgpu' : provider.unavailable(options);
}

const noHalves = await noWebGpu(HALF_PRECISION);

/**
 * The same for a suite on WebGPU in half precision, which not every adapter has: {@link HALF_PRECISION} opens it.
 * Promised as `float16`.
 */
export function describeInHalfPrecision(name: string, suite: () => void): void {
  const title = `${name} [webgpu float16]`;
  describeOn({ title, backend: 'webgpu', options: HALF_PRECISION, reason: noHalves }, suite);
}

interface Place {
  readonly title: string;
  readonly backend: BackendName;
  readonly options: OpenOptions;
  /** Why it cannot be opened. */
  readonly reason: string | undefined;
}

function describeOn({ title, backend, options, reason }: Place, suite: () => void): void {
  describe(title, { timeout: TIMEOUTS[backend] ?? 60_000 }, () => {
    if (reason !== undefined) {
      it('opens', (context) => {
        if (promised.includes(options.precision ?? backend)) throw new Error(`promised here, but ${reason}`);
        context.skip(reason);
      });
      return;
    }
    beforeAll(async () => void (await openBackend(backend, options)));
    suite();
  });
}
