import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dispose, openBackend } from '@maehem/backend';
import { batches, type Dataset, NORMALISATIONS, normalisedImages, subset } from '@maehem/data';
import { openDataset } from '@maehem/data/node';
import { seed } from '@maehem/random';
import {
  BACKENDS,
  normalisationName,
  type PretrainSettings,
  SettingsError,
  testImages,
} from '@maehem/settings';
import { extractFeatures, type FeaturePooling, type Features } from '@maehem/train';
import { writeSafetensors } from '@maehem/weights/node';
import { Command, Option } from 'commander';
import { number } from '../config/flags.js';
import { drawAttention, drawPca } from '../feature-pictures.js';
import { addModelOptions, type ModelOptions, openModelArgument } from '../model-argument.js';
import { encodeNpy } from '../npy.js';
import { loadEncoderOf } from '../pretrained-encoder.js';

interface Options extends ModelOptions {
  readonly out?: string;
  readonly pooling: FeaturePooling;
  readonly split: 'train' | 'test';
  readonly count?: number;
  readonly pictures?: string;
  readonly normalise?: PretrainSettings['normalise'];
  readonly backend: PretrainSettings['backend'];
}

const BATCH = 100;
/** Images in the pictures. */
const PICTURES = 8;

/** `maehem features MODEL IMAGES` */
export function featuresCommand(): Command {
  const command = new Command('features')
    .description(
      'What an encoder makes of images: embeddings as a file, attention maps and PCA colours as pictures.',
    )
    .argument('<model>', 'a run, a checkpoint, or weights in any format')
    .argument('<images>', 'a folder of images, MNIST or CIFAR')
    .option('--out <file>', 'embeddings: .safetensors, or .npy with labels beside it in .labels.npy')
    .option('--pictures <folder>', 'attention.png and pca.png of the first images')
    .addOption(
      new Option('--pooling <what>', 'mean over patches, or the class token')
        .choices(['mean', 'class'])
        .default('mean'),
    )
    .addOption(new Option('--split <name>', 'of the images').choices(['train', 'test']).default('test'))
    .option('--count <n>', 'at most so many images, from the first on', number)
    .addOption(
      new Option('--normalise <name>', "channel means and deviations; the run's unless given").choices(
        Object.keys(NORMALISATIONS).filter((name) => name !== 'none'),
      ),
    )
    .addOption(new Option('--backend <name>', 'engine').choices(BACKENDS).default('auto'));
  return addModelOptions(command).action(async (model: string, images: string, options: Options) => {
    if (options.out === undefined && options.pictures === undefined)
      throw new SettingsError(
        'nothing to write: give --out for embeddings, --pictures for pictures, or both',
      );
    if (options.out !== undefined && !/\.(safetensors|npy)$/.test(options.out))
      throw new SettingsError(`--out ${options.out}: embeddings are written as .safetensors or .npy`);
    await openBackend(options.backend);
    const source = await openModelArgument(model, options);
    const { encoder, config } = await loadEncoderOf(source.model).finally(() => source.model.close());
    const normalise = normalisationName(options.normalise ?? source.normalise ?? 'auto', config);
    const dataset = await openSplit(images, options);
    const of = (chosen: Dataset, batch: number) =>
      batches(chosen, {
        ...{ batch, key: seed(0), epoch: 0, shuffle: false, dropLast: false, onBadImage: 'fail' as const },
        transform: testImages({ normalise: normalise as PretrainSettings['normalise'] }, config),
      });
    if (options.out !== undefined)
      await writeFeatures(
        options.out,
        await extractFeatures(encoder, config, of(dataset, BATCH), options.pooling),
      );
    if (options.pictures !== undefined) {
      const shown = subset(
        dataset,
        Array.from({ length: Math.min(PICTURES, dataset.length) }, (_, i) => i),
      );
      for await (const batch of of(shown, shown.length)) {
        const pixels = normalisedImages(batch, config.channels);
        await writePictures(options.pictures, { encoder, config, pixels, normalise });
      }
    }
    dispose(encoder);
    for (const path of [options.out, options.pictures])
      if (path !== undefined) process.stdout.write(`${path}\n`);
  });
}

async function openSplit(images: string, { split, count }: Options): Promise<Dataset> {
  // A folder that is not split is all there is.
  const dataset = await openDataset(images, { split }).catch((error: unknown) => {
    if (split === 'test') return openDataset(images, { split: 'train' });
    throw error;
  });
  if (count === undefined || count >= dataset.length) return dataset;
  return subset(
    dataset,
    Array.from({ length: count }, (_, i) => i),
  );
}

async function writeFeatures(path: string, { values, length, dim, labels }: Features): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (path.endsWith('.npy')) {
    await writeFile(path, encodeNpy(values, [length, dim]));
    if (labels !== undefined)
      await writeFile(path.replace(/npy$/, 'labels.npy'), encodeNpy(labels, [length]));
    return;
  }
  await writeSafetensors(path, {
    features: { dtype: 'F32', shape: [length, dim], data: values },
    ...(labels && { labels: { dtype: 'I32', shape: [length], data: labels } }),
  });
}

type Shown = Parameters<typeof drawAttention>[0];

async function writePictures(folder: string, shown: Shown): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'attention.png'), await drawAttention(shown));
  await writeFile(join(folder, 'pca.png'), await drawPca(shown));
}
