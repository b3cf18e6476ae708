import { overlay } from '@maehem/settings';
import { Command } from 'commander';
import { addSettingFlags, givenSettings } from '../config/flags.js';
import { loadSettingsFile } from '../config/load.js';
import { INTERRUPTED } from '../interrupt.js';
import type { ResumeOptions } from '../resume.js';
import { runPretraining } from '../run.js';

interface Options extends Partial<ResumeOptions> {
  readonly config?: string;
}

/** `maehem pretrain [data]` */
export function pretrainCommand(): Command {
  const command = new Command('pretrain')
    .description('Pretrain a masked autoencoder on a folder of images, MNIST or CIFAR-10.')
    .argument('[data]', 'folder of images (a subfolder a class), or of MNIST or CIFAR-10 files')
    .option('--config <file>', 'settings from a TypeScript, JavaScript or JSON file; flags win')
    .option('--resume', 'go on from the newest checkpoint in --out, with its settings')
    .option('--allow-changed-data', 'with --resume: go on though the images are not the same any more');
  addSettingFlags(command);
  return command.action(async (data: string | undefined, options: Options) => {
    const file = options.config === undefined ? {} : await loadSettingsFile(options.config);
    const given = overlay(overlay(file, givenSettings(command)), data === undefined ? {} : { data });
    const { resume = false, allowChangedData = false } = options;
    const outcome = await runPretraining(given, { resume, allowChangedData });
    if (outcome.interrupted) process.exitCode = INTERRUPTED;
    else process.stdout.write(`${outcome.checkpoint}\n`);
  });
}
