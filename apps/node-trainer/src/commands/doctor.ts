import { PROVIDERS } from '@maehem/backend';
import { modelConfig, parseSettings } from '@maehem/settings';
import { Command, InvalidArgumentError } from 'commander';
import type { Examination } from '../doctor/examination.js';
import { examine } from '../doctor/examine.js';
import { exitCode, report, reportText } from '../doctor/report.js';
import { tune, tunedLine } from '../doctor/tune.js';

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly timeout: number;
  readonly tune?: string;
  readonly batch: number;
}

/** `maehem doctor` */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Which backends open here, on what device, whether they compute right, how fast, and what to do if not.',
    )
    .argument('[backends...]', `of ${PROVIDERS.map(({ name }) => name).join(', ')}; all`)
    .option('--quick', 'only whether they open and compute right', false)
    .option('--timeout <seconds>', 'give a backend up after this time', parseSeconds, 180)
    .option('--json', 'one JSON object on stdout', false)
    .option(
      '--tune <preset>',
      'measure the tiles of matrix products on WebGPU for this model, and keep the best',
    )
    .option('--batch <images>', 'with --tune: images of a step', parseBatch, 64)
    .action(async (names: string[], { quick, json, timeout, tune: preset, batch }: Options) => {
      if (preset !== undefined) return tuneFor(preset, batch);
      const examinations: Examination[] = [];
      // One after the other: their speed is measured.
      for (const name of chosen(names)) {
        process.stderr.write(`examining ${name}…\n`);
        examinations.push(await examine(name, { quick, seconds: timeout }));
      }
      const found = report(examinations);
      process.stdout.write(`${json ? JSON.stringify(found, undefined, 2) : reportText(found)}\n`);
      process.exitCode = exitCode(examinations);
    });
}

async function tuneFor(preset: string, batch: number): Promise<void> {
  const { model } = parseSettings({ data: '.', model: { preset } });
  const file = await tune(modelConfig(model), batch, (product) =>
    process.stdout.write(`${tunedLine(product)}\n`),
  );
  process.stdout.write(`kept in ${file}\n`);
}

function chosen(names: readonly string[]) {
  const known = PROVIDERS.map(({ name }) => name);
  const unknown = names.find((name) => !known.some((candidate) => candidate === name));
  if (unknown !== undefined)
    throw new Error(`there is no backend '${unknown}'; choose from ${known.join(', ')}`);
  return names.length === 0 ? known : known.filter((name) => names.includes(name));
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0)) throw new InvalidArgumentError('It must be a number of seconds above 0.');
  return seconds;
}

function parseBatch(text: string): number {
  const images = Number(text);
  if (!Number.isSafeInteger(images) || images < 1)
    throw new InvalidArgumentError('It must be a whole number of images of at least 1.');
  return images;
}
