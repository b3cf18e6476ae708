import { createRequire } from 'node:module';
import { Command } from 'commander';
import { ablateCommand } from './commands/ablate.js';
import { convertCommand } from './commands/convert.js';
import { demoCommand } from './commands/demo.js';
import { doctorCommand } from './commands/doctor.js';
import { featuresCommand } from './commands/features.js';
import { finetuneCommand } from './commands/finetune.js';
import { infoCommand } from './commands/info.js';
import { pretrainCommand } from './commands/pretrain.js';
import { probeCommand } from './commands/probe.js';
import { reconstructCommand } from './commands/reconstruct.js';
import { setupCommand } from './commands/setup.js';
import { webCommand } from './commands/web.js';

/** The `maehem` command line. */
export function createProgram(): Command {
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  return new Command('maehem')
    .description('Destroy three quarters of every image, learn to see: masked autoencoders in TypeScript.')
    .version(version)
    .addCommand(pretrainCommand())
    .addCommand(finetuneCommand())
    .addCommand(featuresCommand())
    .addCommand(ablateCommand())
    .addCommand(reconstructCommand())
    .addCommand(probeCommand())
    .addCommand(infoCommand())
    .addCommand(convertCommand())
    .addCommand(demoCommand())
    .addCommand(doctorCommand())
    .addCommand(setupCommand())
    .addCommand(webCommand());
}
