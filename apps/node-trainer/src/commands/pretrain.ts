import { overlay } from '@maehem/settings';
import { Command } from 'commander';
import { addSettingFlags, givenSettings } from '../config/flags.js';
import { loadSettingsFile } from '../config/load.js';
import { INTERRUPTED } from '../interrupt.js';
import { runPretraining } from '../run.js';

/** `maehem pretrain [data]` */
export function pretrainCommand(): Command {
  const command = new Command('pretrain')
    .description('Pretrain a masked autoencoder on a folder of images, MNIST or CIFAR-10.')
    .argument('[data]', 'folder of images (a subfolder a class), or of MNIST or CIFAR-10 files')
    .option('--config <file>', 'settings from a TypeScript, JavaScript or JSON file; flags win')
    .option('--resume', 'go on from the newest checkpoint in --out, with its settings');
  addSettingFlags(command);
  return command.action(async (data: string | undefined, options: { config?: string; resume?: boolean }) => {
    const file = options.config === undefined ? {} : await loadSettingsFile(options.config);
    const given = overlay(overlay(file, givenSettings(command)), data === undefined ? {} : { data });
    const outcome = await runPretraining(given, { resume: options.resume === true });
    if (outcome.interrupted) process.exitCode = INTERRUPTED;
    else process.stdout.write(`${outcome.checkpoint}\n`);
  });
}
