import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { createProgram } from '../program.js';

const root = mkdtempSync(join(tmpdir(), 'maehem-setup-command-'));
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** On a machine that has no tools and no TensorFlow yet. */
function maehem(...args: readonly string[]): Promise<unknown> {
  vi.stubEnv('PATH', root);
  vi.stubEnv('CXX', undefined);
  vi.stubEnv('MAEHEM_CACHE', join(root, 'cache'));
  return createProgram().parseAsync(['setup', ...args], { from: 'user' });
}

it.runIf(process.platform === 'linux')('says what is missing, and what to install', async () => {
  const failure = maehem('tensorflow', '--gpu');
  await expect(failure).rejects.toThrow(/C\+\+ compiler .*: apt-get install g\+\+/);
  await expect(failure).rejects.toThrow(/python3: apt-get install python3 python3-pip/);
});
