import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { dispose, openBackend } from '@maehem/backend';
import { openDataset } from '@maehem/data/node';
import { loadMae, modelFile } from '@maehem/train/node';
import { Command } from 'commander';
import { findCheckpoint } from '../checkpoint-argument.js';
import { firstBatch, loadHeldOut, writeReconstruction } from '../reconstruction.js';

interface Options {
  readonly out: string;
  readonly count: string;
  readonly maskRatio?: string;
  readonly backend: 'auto' | 'wasm' | 'cpu';
}

/** `maehem reconstruct CHECKPOINT [IMAGES]` */
export function reconstructCommand(): Command {
  return new Command('reconstruct')
    .description('Hide patches of images and draw what the model makes of them.')
    .argument('<checkpoint>', 'a checkpoint, or the folder of a run for its newest')
    .argument('[images]', 'a folder of images; the test images of the run otherwise')
    .option('--out <file>', 'the picture to write', 'reconstruction.png')
    .option('--count <n>', 'how many images', '8')
    .option('--mask-ratio <fraction>', 'patches to hide, if not as in training')
    .option('--backend <name>', 'auto, wasm or cpu', 'auto')
    .action(async (checkpoint: string, folder: string | undefined, options: Options) => {
      const { path, info, settings } = await findCheckpoint(checkpoint);
      await openBackend(options.backend);
      const params = await loadMae(modelFile(path), info.config.model);
      const images =
        folder === undefined
          ? await loadHeldOut(settings)
          : await firstBatch(await openDataset(folder, { kind: 'folder' }), settings, Number(options.count));
      const ratio = options.maskRatio === undefined ? info.config.mask.ratio : Number(options.maskRatio);
      const config = { ...info.config, mask: { ...info.config.mask, ratio } };
      await mkdir(dirname(options.out), { recursive: true });
      await writeReconstruction(params, config, images, options.out);
      dispose(params);
      process.stdout.write(`${options.out}\n`);
    });
}
