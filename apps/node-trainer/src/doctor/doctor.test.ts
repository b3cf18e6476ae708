import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Report } from './report.js';

const app = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const tsc = join(app, '..', '..', 'node_modules', 'typescript', 'bin', 'tsc');

beforeAll(() => void execFileSync(process.execPath, [tsc, '-b', app], { stdio: 'inherit' }), 180_000);

function doctor(...args: string[]) {
  const command = [join(app, 'dist', 'maehem.js'), 'doctor', ...args];
  return spawnSync(process.execPath, command, { encoding: 'utf8' });
}

describe('maehem doctor', () => {
  it('finds wasm and cpu right, and says so to a machine', () => {
    const { status, stdout } = doctor('wasm', 'cpu', '--quick', '--json');
    const { machine, threads, backends } = JSON.parse(stdout) as Report;
    expect(status).toBe(0);
    expect(machine.node).toBe(process.versions.node);
    expect(threads.most).toBeGreaterThan(0);
    expect(backends.map(({ backend, state }) => [backend, state])).toEqual([
      ['wasm', 'right'],
      ['cpu', 'right'],
    ]);
    for (const { verdict, capabilities, memory, products } of backends) {
      expect(verdict!.error).toBeLessThan(2e-5);
      expect(capabilities!.sharedMemory).toBe(true);
      expect(memory!.residentBytes).toBeGreaterThan(0);
      expect(products).toBeUndefined();
    }
  });

  it('measures speed, in a table for people', { timeout: 180_000 }, () => {
    const { status, stdout } = doctor('wasm');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^wasm +right +\d+\.\d +\d+\.\d +\d+ +\d\.\d GiB +WebAssembly/m);
  });

  it('names what it does not know', () => {
    const { status, stderr } = doctor('cuda');
    expect(status).toBe(1);
    expect(stderr).toContain("there is no backend 'cuda'; choose from tensorflow, webgpu, wasm, cpu");
    expect(doctor('--timeout', 'soon').stderr).toContain('It must be a number of seconds above 0');
  });
});
