import { PROVIDERS } from '@maehem/backend';
import {
  MODEL_PRESETS,
  overlay,
  PRECISIONS,
  parseFinetuneSettings,
  parseSettings,
  type SettingsLayer,
} from '@maehem/settings';
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadSettingsFile } from '../config/load.js';
import type { Examination } from '../doctor/examination.js';
import { examine } from '../doctor/examine.js';
import { exitCode, report, reportText } from '../doctor/report.js';
import { tune, tuningText } from '../doctor/tune.js';
import { INTERRUPTED } from '../interrupt.js';

interface Options extends TuneFlags {
  readonly quick: boolean;
  readonly json: boolean;
  readonly timeout: number;
  readonly tune: boolean;
}

/** What tuning is for, and how long it may take. */
interface TuneFlags {
  readonly json: boolean;
  readonly config?: string;
  readonly preset?: string;
  readonly batch?: number;
  readonly precision?: string;
  readonly adapter?: string;
  readonly minutes: number;
  readonly finetune: boolean;
  readonly afresh: boolean;
}

/** `maehem doctor` */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Which backends open here, on what device, whether they compute right, how fast, and what to do if not.',
    )
    .argument('[backends...]', `of ${PROVIDERS.map(({ name }) => name).join(', ')}; all`)
    .option('--quick', 'only whether they open and compute right', false)
    .option('--timeout <seconds>', 'give a backend up after this time', parseAmount('seconds'), 180)
    .option('--json', 'one JSON object on stdout', false)
    .option('--tune', "webgpu: measure the tiles of a training step's kernels, and keep the best", false)
    .option('--config <file>', 'with --tune: settings of the run that it is for; flags win')
    .addOption(new Option('--preset <name>', 'with --tune: model preset').choices(MODEL_PRESETS))
    .option('--finetune', 'with --tune: for steps of fine-tuning, not of pretraining', false)
    .option('--batch <images>', 'with --tune: images in a forward pass', parseImages)
    .addOption(new Option('--precision <name>', 'with --tune: of matrix products').choices(PRECISIONS))
    .option('--adapter <name>', "with --tune: which GPU, as for 'maehem pretrain'")
    .option('--minutes <n>', 'with --tune: at most', parseAmount('minutes'), 2)
    .option('--afresh', 'with --tune: measure again what was measured before', false)
    .action(async (names: string[], { quick, json, timeout, tune: tuning, ...flags }: Options) => {
      if (tuning) return tuneFor(names, { json, ...flags });
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

async function tuneFor(
  names: readonly string[],
  { json, minutes, afresh, finetune, ...flags }: TuneFlags,
): Promise<void> {
  const other = names.find((name) => name !== 'webgpu');
  if (other !== undefined) throw new Error(`--tune is for webgpu; ${other} has no tiles to tune`);
  const file = flags.config === undefined ? {} : await loadSettingsFile(flags.config);
  const settings = { data: '.', ...overlay(file, settingsOf(flags)) };
  const run = finetune
    ? { finetune: parseFinetuneSettings(settings) }
    : { pretrain: parseSettings(settings) };
  const found = await tune({ run, minutes, afresh });
  process.stdout.write(`${json ? JSON.stringify(found, undefined, 2) : tuningText(found)}\n`);
  if (found.ended === 'cancelled') process.exitCode = INTERRUPTED;
}

function settingsOf({ preset, batch, precision, adapter }: Partial<TuneFlags>): SettingsLayer {
  return {
    ...(preset === undefined ? {} : { model: { preset } }),
    ...(batch === undefined ? {} : { batch }),
    ...(precision === undefined ? {} : { precision }),
    ...(adapter === undefined ? {} : { adapter }),
  };
}

function chosen(names: readonly string[]) {
  const known = PROVIDERS.map(({ name }) => name);
  const unknown = names.find((name) => !known.some((candidate) => candidate === name));
  if (unknown !== undefined)
    throw new Error(`there is no backend '${unknown}'; choose from ${known.join(', ')}`);
  return names.length === 0 ? known : known.filter((name) => names.includes(name));
}

function parseAmount(unit: string): (text: string) => number {
  return (text) => {
    const amount = Number(text);
    if (!(amount > 0)) throw new InvalidArgumentError(`It must be a number of ${unit} above 0.`);
    return amount;
  };
}

function parseImages(text: string): number {
  const images = Number(text);
  if (!Number.isSafeInteger(images) || images < 1)
    throw new InvalidArgumentError('It must be a whole number of images of at least 1.');
  return images;
}
