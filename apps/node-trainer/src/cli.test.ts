import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
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
import { bits, fold, seed } from '@maehem/random';
import { encodePng } from '@maehem/viz';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProbeFigures } from './probe.js';

const app = join(dirname(fileURLToPath(import.meta.url)), '..');
const root = join(app, '..', '..');
const program = join(app, 'dist', 'maehem.js');
const folder = mkdtempSync(join(tmpdir(), 'maehem-cli-'));
const data = join(folder, 'data');

/** A model that trains in no time. */
const TINY = [
  '--model',
  'small',
  '--image-size',
  '16',
  '--dim',
  '24',
  '--depth',
  '1',
  '--heads',
  '2',
  '--decoder-dim',
  '16',
  '--decoder-depth',
  '1',
  '--batch',
  '4',
  '--warmup-epochs',
  '0',
  '--backend',
  'cpu',
];

/** Images of one colour family a class, with noise. */
function writeImages(into: string, count: number): void {
  for (const [label, name] of ['dark', 'light'].entries()) {
    mkdirSync(join(into, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const noise = bits(fold(fold(seed(label), into.length), i), 16 * 16 * 4);
      const pixels = Uint8ClampedArray.from(noise, (word, at) =>
        at % 4 === 3 ? 255 : label * 150 + (word & 63),
      );
      writeFileSync(join(into, name, `${i}.png`), encodePng({ width: 16, height: 16, data: pixels }));
    }
  }
}

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: string[]): { child: ChildProcess; done: Promise<Finished> } {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const done = new Promise<Finished>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  );
  return { child, done };
}

const maehem = (...args: string[]): Promise<Finished> => start(...args).done;

const weights = (run: string, step: number): Buffer =>
  readFileSync(
    join(folder, run, 'checkpoints', `step-${String(step).padStart(8, '0')}`, 'model.safetensors'),
  );

const metrics = (run: string): { step: number; loss: number }[] => {
  const path = join(folder, run, 'metrics.jsonl');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as { step: number; loss: number });
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', app], {
    stdio: 'inherit',
  });
  writeImages(join(data, 'train'), 12);
  writeImages(join(data, 'test'), 6);
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe('a run', () => {
  it('leaves settings, metrics, events, checkpoints and pictures, and can be probed and looked at', async () => {
    const trained = await maehem('pretrain', 'data', ...TINY, '--epochs', '4', '--out', 'run');
    expect(trained.stderr).toContain('24 images');
    expect(trained.code).toBe(0);
    expect(trained.stdout.trim()).toBe(join('run', 'checkpoints', 'step-00000024'));
    const files = readdirSync(join(folder, 'run'));
    for (const file of ['config.json', 'metrics.jsonl', 'loss.svg', 'reconstruction.png'])
      expect(files).toContain(file);
    expect(files.some((file) => file.startsWith('events.out.tfevents'))).toBe(true);
    expect(readdirSync(join(folder, 'run', 'checkpoints')).length).toBe(2);
    expect(metrics('run').map(({ step }) => step)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));

    const methods = ['--method', 'linear,lars,knn', '--k', '5', '--epochs', '50', '--lr', '50'];
    const probed = await maehem('probe', 'run', ...methods, '--json', '--backend', 'cpu');
    expect(probed.code).toBe(0);
    const { pretrained, untrained } = JSON.parse(probed.stdout) as Record<string, ProbeFigures>;
    expect(pretrained!.linear!.accuracy).toBeGreaterThan(0.9);
    expect(pretrained!.lars!.accuracy).toBeGreaterThan(0.9);
    expect(pretrained!.knn![0]!.accuracy).toBeGreaterThan(0.9);
    expect(untrained!.linear!.accuracy).toBeGreaterThan(0.4);

    const drawn = await maehem(
      'reconstruct',
      'run',
      'data/test',
      '--out',
      'pictures/mosaic.png',
      '--mask-ratio',
      '0.5',
    );
    // Dawn itself has a word on llvmpipe, where that is installed.
    expect(drawn.stderr.replaceAll(/^Warning: maxDynamic.*\n/gm, '')).toBe('');
    expect(
      readFileSync(join(folder, 'pictures', 'mosaic.png'))
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');

    const told = await maehem('info', 'run');
    expect(told.stdout).toContain('step        24');
    expect(told.stdout).toContain('blocks.0.attn.qkv.weight');
  });

  it('takes its settings from a TypeScript or JSON file, flags first, and prints them back whole', async () => {
    const settings =
      'export default { batch: 6, epochs: 1, mask: { ratio: 0.5 }, optimizer: { weightDecay: 0.01 } } satisfies object;';
    writeFileSync(join(folder, 'settings.ts'), settings);
    const flags = TINY.filter((_, i) => !['--batch', '4'].includes(TINY[i]!));
    const done = await maehem(
      'pretrain',
      'data',
      '--config',
      'settings.ts',
      ...flags,
      '--mask-ratio',
      '0.6',
      '--out',
      'configured',
    );
    expect(done.stderr).toContain('4 steps of 6 images');
    const whole = JSON.parse(readFileSync(join(folder, 'configured', 'config.json'), 'utf8')) as Record<
      string,
      never
    >;
    expect(whole).toMatchObject({
      batch: 6,
      epochs: 1,
      mask: { ratio: 0.6, strategy: 'random' },
      optimizer: { weightDecay: 0.01, beta2: 0.95 },
    });
    writeFileSync(join(folder, 'again.json'), JSON.stringify(whole));
    const again = await maehem('pretrain', '--config', 'again.json', '--out', 'again');
    expect(again.code).toBe(0);
    expect(weights('again', 4).equals(weights('configured', 4))).toBe(true);
  });
});

describe('interruption', () => {
  const run = [...TINY, '--epochs', '20', '--checkpoint-every', '1'];

  it('kill -9 and --resume give the same weights, to the bit', async () => {
    await maehem('pretrain', 'data', ...run, '--out', 'straight');
    const { child, done } = start('pretrain', 'data', ...run, '--out', 'killed');
    await until(() => metrics('killed').length > 40);
    child.kill('SIGKILL');
    await done;
    expect(metrics('killed').length).toBeLessThan(120);
    const resumed = await maehem('pretrain', '--resume', '--out', 'killed');
    expect(resumed.stderr).toMatch(/resuming {3}at step \d+/);
    expect(resumed.code).toBe(0);
    expect(weights('killed', 120).equals(weights('straight', 120))).toBe(true);
    expect(metrics('killed').map(({ loss }) => loss)).toEqual(metrics('straight').map(({ loss }) => loss));
  });

  it('Ctrl-C saves a checkpoint and exits 130', async () => {
    const { child, done } = start('pretrain', 'data', ...run, '--out', 'stopped');
    await until(() => metrics('stopped').length > 20);
    child.kill('SIGINT');
    const { code, stderr } = await done;
    expect(code).toBe(130);
    expect(stderr).toContain('interrupted');
    const steps = metrics('stopped').length;
    expect(weights('stopped', steps).length).toBeGreaterThan(1000);
    const resumed = await maehem('pretrain', '--resume', '--out', 'stopped');
    expect(weights('stopped', 120).equals(weights('straight', 120))).toBe(true);
    expect(resumed.code).toBe(0);
  });
});

describe('threads', () => {
  const run = [...TINY, '--epochs', '20', '--threads', '2'];

  it('share each step, stop at Ctrl-C, and another number of them can go on', async () => {
    const { child, done } = start('pretrain', 'data', ...run, '--out', 'shared');
    await until(() => metrics('shared').length > 20);
    child.kill('SIGINT');
    const { code, stderr } = await done;
    expect(stderr).toContain('threads    2, each on 2 images of a batch');
    expect(code).toBe(130);
    const steps = metrics('shared').length;
    const resumed = await maehem('pretrain', '--resume', '--out', 'shared', '--threads', '1');
    expect(resumed.stderr).not.toContain('threads  ');
    expect(resumed.code).toBe(0);
    expect(metrics('shared').length).toBe(120);
    expect(steps).toBeLessThan(120);

    const again = await maehem('pretrain', 'data', ...run, '--out', 'shared-again');
    expect(again.code).toBe(0);
    const losses = (name: string) => metrics(name).map(({ loss }) => loss);
    expect(losses('shared-again').slice(0, steps)).toEqual(losses('shared').slice(0, steps));
  });
});

describe('bad input is named, with a way out, and exits 1', () => {
  const refused = async (message: string | RegExp, ...args: string[]): Promise<void> => {
    const { code, stderr } = await maehem(...args);
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  };
  const pretrain = (message: string | RegExp, ...args: string[]) =>
    refused(message, 'pretrain', 'data', ...TINY, '--epochs', '1', '--out', 'bad', ...args);

  it('settings', async () => {
    await pretrain(/16x16.*5/, '--patch-size', '5');
    await pretrain('mask ratio must lie strictly between 0 and 1, got 1.5', '--mask-ratio', '1.5');
    await pretrain('mask ratio must lie strictly between 0 and 1, got 0', '--mask-ratio', '0');
    await pretrain('epochs', '--epochs', '-1');
    await pretrain('a batch of 4 does not divide into equal parts for 3 threads', '--threads', '3');
    await pretrain("argument 'many' is invalid", '--batch', 'many');
    await pretrain(/24 images.*100|fewer/, '--batch', '100');
    writeFileSync(join(folder, 'typo.json'), JSON.stringify({ data: 'data', epoch: 3 }));
    await refused('epoch', 'pretrain', '--config', 'typo.json');
  });

  it('data', async () => {
    await refused('nowhere: no such folder', 'pretrain', 'nowhere', ...TINY, '--out', 'bad');
    mkdirSync(join(folder, 'empty'), { recursive: true });
    await refused('empty holds no data set', 'pretrain', 'empty', ...TINY, '--out', 'bad');
    const torn = join(folder, 'torn');
    writeImages(torn, 8);
    const victim = join(torn, 'dark', '3.png');
    writeFileSync(victim, readFileSync(victim).subarray(0, 200));
    const args = ['pretrain', 'torn', ...TINY, '--epochs', '2', '--no-crop'];
    await refused(/3\.png/, ...args, '--out', 'torn-fails', '--on-bad-image', 'fail');
    const skipped = await maehem(...args, '--out', 'torn-skips', '--on-bad-image', 'skip');
    expect(skipped.stderr).toMatch(/skipped: .*3\.png/);
    expect(skipped.stderr).toContain('left out   1 bad images');
    expect(skipped.code).toBe(0);
  });

  it('checkpoints', async () => {
    await refused('not the folder of an earlier run', 'demo', '--out', '.');
    await refused('holds a run already', 'pretrain', 'data', ...TINY, '--out', 'run');
    await refused('there is no checkpoint to resume', 'pretrain', '--resume', '--out', 'never');
    await refused('cannot change model', 'pretrain', '--resume', '--out', 'run', '--depth', '2');
    await refused('no such file or folder', 'info', 'missing.safetensors');
    const hostile = Buffer.alloc(64);
    hostile.writeBigUInt64LE(2n ** 60n);
    writeFileSync(join(folder, 'hostile.safetensors'), hostile);
    await refused('hostile.safetensors', 'info', 'hostile.safetensors');
  });
});
