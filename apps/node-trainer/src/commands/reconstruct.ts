import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type BackendName, dispose, openBackend } from '@maehem/backend';
import { NORMALISATIONS } from '@maehem/data';
import { openDataset } from '@maehem/data/node';
import { initMae, type Mae } from '@maehem/mae';
import { seed } from '@maehem/random';
import { type PretrainSettings, parseSettings, pretrainConfig, SettingsError } from '@maehem/settings';
import { loadPretrained, maeConfigOf, type PretrainConfig } from '@maehem/train';
import { loadMae, modelFile } from '@maehem/train/node';
import { Command, Option } from 'commander';
import { findCheckpoint } from '../checkpoint-argument.js';
import { addModelOptions, isRun, type ModelOptions, openModelArgument } from '../model-argument.js';
import { firstBatch, type HeldOutImages, loadHeldOut, writeReconstruction } from '../reconstruction.js';

interface Options extends ModelOptions {
  readonly out: string;
  readonly count: string;
  readonly maskRatio?: string;
  readonly normalise: PretrainSettings['normalise'];
  readonly normPix: boolean;
  readonly backend: BackendName | 'auto';
}

/** `maehem reconstruct CHECKPOINT [IMAGES]` */
export function reconstructCommand(): Command {
  const command = new Command('reconstruct')
    .description('Hide patches of images and draw what the model makes of them.')
    .argument('<checkpoint>', 'a run, a checkpoint, or the weights of an autoencoder in any format')
    .argument('[images]', 'a folder of images; the test images of the run otherwise')
    .option('--out <file>', 'the picture to write', 'reconstruction.png')
    .option('--count <n>', 'how many images', '8')
    .option('--mask-ratio <fraction>', 'patches to hide, if not as in training')
    .addOption(
      new Option('--normalise <name>', "pixel statistics of weights that are no run's")
        .choices(Object.keys(NORMALISATIONS).filter((name) => name !== 'none'))
        .default('imagenet'),
    )
    .option('--no-norm-pix', "weights that are no run's predict raw pixels, and do not say so")
    .option('--backend <name>', 'auto, tensorflow, webgpu, wasm or cpu', 'auto');
  return addModelOptions(command).action(
    async (checkpoint: string, folder: string | undefined, options: Options) => {
      await openBackend(options.backend);
      const { params, config, settings } = await openAutoencoder(checkpoint, folder, options);
      const images = await imagesOf(folder, settings, Number(options.count));
      const ratio = options.maskRatio === undefined ? config.mask.ratio : Number(options.maskRatio);
      await mkdir(dirname(options.out), { recursive: true });
      await writeReconstruction(params, { ...config, mask: { ...config.mask, ratio } }, images, options.out);
      dispose(params);
      process.stdout.write(`${options.out}\n`);
    },
  );
}

/** An autoencoder, and how it was trained. */
interface Autoencoder {
  readonly params: Mae;
  readonly config: PretrainConfig;
  readonly settings: PretrainSettings;
}

async function openAutoencoder(
  argument: string,
  folder: string | undefined,
  options: Options,
): Promise<Autoencoder> {
  const found = await stat(argument).catch(() => undefined);
  if (found?.isDirectory() === false || (found !== undefined && !(await isRun(argument))))
    return openWeights(argument, folder, options);
  const { path, info, settings } = await findCheckpoint(argument);
  return { params: await loadMae(modelFile(path), info.config.model), config: info.config, settings };
}

/** Weights that are no run's tell their architecture; the rest is the paper's, unless options say otherwise. */
async function openWeights(
  argument: string,
  folder: string | undefined,
  options: Options,
): Promise<Autoencoder> {
  if (folder === undefined)
    throw new SettingsError(`${argument} is no run, so it has no test images: name a folder of images, too`);
  const { model } = await openModelArgument(argument, options);
  try {
    const shape = maeConfigOf(model);
    const normPix = options.normPix && (model.architecture.normPix ?? true);
    const settings = parseSettings({ data: folder, model: shape, normPix, normalise: options.normalise });
    const { params } = await loadPretrained<Mae>(initMae(seed(0), shape), model, shape);
    return { params, config: pretrainConfig(settings), settings };
  } finally {
    await model.close();
  }
}

async function imagesOf(
  folder: string | undefined,
  settings: PretrainSettings,
  count: number,
): Promise<HeldOutImages> {
  if (folder === undefined) return loadHeldOut(settings);
  return firstBatch(await openDataset(folder, { kind: 'folder' }), settings, count);
}
