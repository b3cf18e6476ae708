import { dispose, openBackend } from '@maehem/backend';
import type { FeaturePooling } from '@maehem/train';
import { loadEncoder, modelFile } from '@maehem/train/node';
import { Command, Option } from 'commander';
import { findCheckpoint } from '../checkpoint-argument.js';
import { openProbe, percent, probeUntrained } from '../probe.js';

interface Options {
  readonly pooling: FeaturePooling;
  readonly trainImages: string;
  readonly testImages: string;
  readonly epochs: string;
  readonly baseline: boolean;
  readonly backend: 'auto' | 'wasm' | 'cpu';
  readonly json?: boolean;
}

/** `maehem probe CHECKPOINT [DATA]` */
export function probeCommand(): Command {
  return new Command('probe')
    .description('Accuracy of a linear classifier on the frozen features of an encoder, on held-out images.')
    .argument('<checkpoint>', 'a checkpoint, or the folder of a run for its newest')
    .argument('[data]', 'labelled images with a train and a test split; those of the run otherwise')
    .addOption(
      new Option('--pooling <what>', 'mean over patches, or the class token')
        .choices(['mean', 'class'])
        .default('mean'),
    )
    .option('--train-images <n>', 'at most so many training images', '10000')
    .option('--test-images <n>', 'at most so many test images', '10000')
    .option('--epochs <n>', 'passes of the probe over the features', '50')
    .option('--no-baseline', 'leave out the untrained encoder')
    .option('--backend <name>', 'auto, wasm or cpu', 'auto')
    .option('--json', 'one JSON object on stdout')
    .action(async (checkpoint: string, data: string | undefined, options: Options) => {
      const { path, info, settings } = await findCheckpoint(checkpoint);
      await openBackend(options.backend);
      const probe = await openProbe({
        settings: data === undefined ? settings : { ...settings, data, dataKind: 'auto' },
        config: info.config,
        pooling: options.pooling,
        trainImages: Number(options.trainImages),
        testImages: Number(options.testImages),
        epochs: Number(options.epochs),
      });
      const encoder = await loadEncoder(modelFile(path), info.config.model);
      const pretrained = await probe(encoder);
      dispose(encoder);
      const untrained = options.baseline ? await probeUntrained(probe, info.config) : undefined;
      if (options.json === true)
        process.stdout.write(`${JSON.stringify({ checkpoint: path, pretrained, untrained })}\n`);
      else {
        process.stdout.write(`pretrained encoder  ${percent(pretrained.accuracy)}\n`);
        if (untrained !== undefined)
          process.stdout.write(`untrained encoder   ${percent(untrained.accuracy)}\n`);
      }
    });
}
