import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
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

const TINIEST = {
  backend: 'webgpu',
  model: {
    ...{ preset: 'tiny', imageSize: 16, patchSize: 4, dim: 16, depth: 1, heads: 2 },
    ...{ decoderDim: 16, decoderDepth: 1, decoderHeads: 2 },
  },
  ...{ batch: 4, epochs: 2, optimizer: { warmupEpochs: 0 } },
};

/** Runs `maehem pretrain` to its end, which is the end of its process; the losses of its steps. */
function pretrain(backend: string, ...more: string[]): number[] {
  const args = ['pretrain', 'data', '--backend', backend, '--out', backend, ...SETTINGS, ...more];
  execFileSync(process.execPath, [join(app, 'dist', 'maehem.js'), ...args], { cwd: folder, stdio: 'pipe' });
  return lossesOf(backend);
}

function lossesOf(run: string): number[] {
  const lines = readFileSync(join(folder, run, 'metrics.jsonl'), 'utf8')
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

  it('tunes until it is interrupted, keeps what it has, and trains with that', {
    timeout: 240_000,
  }, async () => {
    const env = { ...process.env, MAEHEM_CACHE: join(folder, 'cache') };
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(app, 'dist', 'maehem.js'), ...args], {
        ...{ cwd: folder, env, encoding: 'utf8' },
      });
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(TINIEST));
    const tuning = await interruptedTuning(env);
    expect(tuning.code).toBe(130);
    expect(tuning.said).toMatch(/kernels measured, .*\n.* not measured: cancelled; the same command goes on/);
    const [file] = readdirSync(join(folder, 'cache', 'webgpu'));

    const train = ['pretrain', 'data', '--config', 'settings.json', '--out'];
    const { stderr } = run(...train, 'tuned');
    expect(stderr).toMatch(/^tiles {6}tuned on \d{4}-\d\d-\d\d: \d+ kernels measured/m);
    const kept = readFileSync(join(folder, 'cache', 'webgpu', file!), 'utf8');
    expect(readFileSync(join(folder, 'tuned', 'tuning.json'), 'utf8')).toBe(kept);
    expect(run(...train, 'usual', '--no-tuning').stderr).not.toContain('tiles ');
    expect(existsSync(join(folder, 'usual', 'tuning.json'))).toBe(false);
    const losses = ['tuned', 'usual'].map(lossesOf);
    for (const [step, loss] of losses[0]!.entries())
      expect(Math.abs(loss / losses[1]![step]! - 1)).toBeLessThan(1e-4);
  });
});

/** `maehem doctor --tune` that gets a Ctrl-C when its first kernel is done. */
function interruptedTuning(env: NodeJS.ProcessEnv): Promise<{ code: number | null; said: string }> {
  const args = ['doctor', '--tune', '--config', 'settings.json'];
  const child = spawn(process.execPath, [join(app, 'dist', 'maehem.js'), ...args], { cwd: folder, env });
  let said = '';
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    const before = told;
    told += chunk.toString();
    const done = / % {2}product/;
    if (done.test(told) && !done.test(before)) child.kill('SIGINT');
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })));
}
