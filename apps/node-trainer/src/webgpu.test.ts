import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROVIDERS } from '@maehem/backend';
import { bits, fold, seed } from '@maehem/random';
import { encodePng } from '@maehem/viz';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const missing = await PROVIDERS.find(({ name }) => name === 'webgpu')?.unavailable();
const app = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = mkdtempSync(join(tmpdir(), 'maehem-webgpu-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SETTINGS = [
  ...[
    '--model',
    'tiny',
    '--image-size',
    '16',
    '--patch-size',
    '4',
    '--dim',
    '16',
    '--depth',
    '1',
    '--heads',
    '2',
  ],
  ...[
    '--decoder-dim',
    '16',
    '--decoder-depth',
    '1',
    '--decoder-heads',
    '2',
    '--batch',
    '4',
    '--warmup-epochs',
    '0',
  ],
];

/** Runs `maehem pretrain` to its end, which is the end of its process; the losses of its steps. */
function pretrain(backend: string, ...more: string[]): number[] {
  const args = ['pretrain', 'data', '--backend', backend, '--out', backend, ...SETTINGS, ...more];
  execFileSync(process.execPath, [join(app, 'dist', 'maehem.js'), ...args], { cwd: folder, stdio: 'pipe' });
  const lines = readFileSync(join(folder, backend, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
}

describe.skipIf(missing !== undefined)(`maehem pretrain on WebGPU${missing ? ` (${missing})` : ''}`, () => {
  beforeAll(() => {
    const tsc = join(app, '..', '..', 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [tsc, '-b', app], { stdio: 'inherit' });
    mkdirSync(join(folder, 'data'));
    for (let i = 0; i < 8; i++) {
      const data = Uint8ClampedArray.from(bits(fold(seed(1), i), 16 * 16 * 4), (word, at) =>
        at % 4 === 3 ? 255 : word & 255,
      );
      writeFileSync(join(folder, 'data', `${i}.png`), encodePng({ width: 16, height: 16, data }));
    }
  }, 180_000);

  it('trains as on wasm, and ends its process', () => {
    const onCpu = pretrain('wasm', '--epochs', '4');
    const straight = pretrain('webgpu', '--epochs', '4');
    expect(straight.length).toBe(8);
    for (const [step, loss] of straight.entries()) expect(Math.abs(loss - onCpu[step]!)).toBeLessThan(1e-3);
  }, 240_000);
});
