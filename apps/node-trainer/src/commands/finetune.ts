import { overlay } from '@maehem/settings';
import { Command } from 'commander';
import { FINETUNE_FLAGS, finetuneFlagDefaults } from '../config/finetune-flags.js';
import { addSettingFlags, givenSettings } from '../config/flags.js';
import { loadSettingsFile } from '../config/load.js';
import { runFinetuning } from '../finetuning.js';
import { INTERRUPTED } from '../interrupt.js';
import { percent } from '../probe.js';
import type { ResumeOptions } from '../resume.js';

interface Options extends Partial<ResumeOptions> {
  readonly config?: string;
}

/** `maehem finetune [data]` */
export function finetuneCommand(): Command {
  const command = new Command('finetune')
    .description(
      'Train a classifier end to end, or its last blocks: on a pretrained encoder (--from), or from scratch.',
    )
    .argument('[data]', 'labelled images with a train and a test split')
    .option('--config <file>', 'settings from a TypeScript, JavaScript or JSON file; flags win')
    .option('--resume', 'go on from the newest checkpoint in --out, with its settings')
    .option('--allow-changed-data', 'with --resume: go on though the images are not the same any more');
  addSettingFlags(command, FINETUNE_FLAGS, finetuneFlagDefaults());
  return command.action(async (data: string | undefined, options: Options) => {
    const file = options.config === undefined ? {} : await loadSettingsFile(options.config);
    const flags = givenSettings(command, FINETUNE_FLAGS);
    const given = overlay(overlay(file, flags), data === undefined ? {} : { data });
    const { resume = false, allowChangedData = false } = options;
    const { interrupted, checkpoint, test } = await runFinetuning(given, { resume, allowChangedData });
    if (interrupted) process.exitCode = INTERRUPTED;
    else {
      process.stderr.write(`test accuracy ${percent(test.accuracy)}, top five ${percent(test.top5)}\n`);
      process.stdout.write(`${checkpoint}\n`);
    }
  });
}
