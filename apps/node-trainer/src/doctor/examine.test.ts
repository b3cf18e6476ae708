import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Examination } from './examination.js';
import { examine } from './examine.js';
import { exitCode, report, reportText } from './report.js';

const folder = mkdtempSync(join(tmpdir(), 'maehem-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Examine by a program of the test's own. */
function examineBy(code: string, seconds = 20): Promise<Examination> {
  const worker = join(folder, `${Math.abs(hash(code))}.mjs`);
  const tell = 'const tell = (message) => new Promise((resolve) => process.send(message, resolve));\n';
  writeFileSync(worker, tell + code);
  return examine('wasm', { quick: true, seconds, worker });
}

function hash(text: string): number {
  return [...text].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) | 0, 0);
}

const RIGHT =
  'await tell({ findings: { verdict: { right: true, error: 1e-7, figure: "loss of step 1" } } });\n';

describe('an examination', () => {
  it('tells that a backend does not open, and why', async () => {
    const found = await examineBy(
      'await tell({ findings: { unavailable: "install it" } }); process.disconnect();',
    );
    expect(found).toEqual({ backend: 'wasm', state: 'absent', unavailable: 'install it' });
    expect(reportText(report([found]))).toContain('wasm: does not open: install it');
  });

  it('outlives a crash', async () => {
    const crash = await examineBy('await tell({ stage: "opening" }); process.kill(process.pid, "SIGSEGV");');
    expect(crash).toEqual({
      ...{ backend: 'wasm', state: 'failed' },
      failure: 'while opening: its process ended (SIGSEGV)',
    });
    const thrown = await examineBy(`await tell({ stage: "computing" }); throw new Error("no such device");`);
    expect(thrown.failure).toBe('while computing: Error: no such device');
  });

  it('gives up on a hang, and keeps what is known', async () => {
    const found = await examineBy(`${RIGHT}await tell({ stage: "timing products" }); for (;;);`, 2);
    expect(found).toMatchObject({
      ...{ state: 'right', verdict: { error: 1e-7 } },
      failure: 'while timing products: no answer within 2 s',
    });
  });
});

describe("the doctor's report", () => {
  it('says why there is one thread only', () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    const found = report([]);
    vi.unstubAllGlobals();
    expect(found.threads).toEqual({ most: 1, unavailable: 'this host has no SharedArrayBuffer' });
    expect(reportText(found)).toContain('one thread: this host has no SharedArrayBuffer');
  });
});

describe("the doctor's exit code", () => {
  const engine = (state: Examination['state']): Examination => ({ backend: 'wasm', state });

  it('is 0 when a backend is right and none is wrong', () => {
    expect(exitCode([engine('right'), engine('absent'), engine('failed')])).toBe(0);
    expect(exitCode([engine('right'), engine('wrong')])).toBe(1);
    expect(exitCode([engine('absent'), engine('failed')])).toBe(1);
  });
});
