import { resolve } from 'node:path';
import { modelConfig, overlay, parseSettings, parseStudy, type SettingsLayer } from '@maehem/settings';
import { Command, InvalidArgumentError } from 'commander';
import { PAPER_TABLES, paperTables } from '../ablation/paper-tables.js';
import { writeReport } from '../ablation/report.js';
import { runStudy, StudyInterrupted } from '../ablation/run-study.js';
import { number } from '../config/flags.js';
import { loadSettingsFile } from '../config/load.js';
import { INTERRUPTED } from '../interrupt.js';

interface Options {
  readonly config?: string;
  readonly out?: string;
  readonly tables?: readonly string[];
  readonly seeds?: readonly number[];
  readonly epochs?: number;
  readonly model?: string;
}

const tableNames = (text: string): string[] => {
  const names = text.split(',');
  const unknown = names.find((name) => !PAPER_TABLES.includes(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`'${unknown}' is none of ${PAPER_TABLES.join(', ')}.`);
  return names;
};

/** `maehem ablate [DATA]` */
export function ablateCommand(): Command {
  return new Command('ablate')
    .description(
      "The paper's ablations (table 1, figure 5) on a data set, beside the paper's figures. Goes on where it was stopped.",
    )
    .argument('[data]', 'labelled images with a train and a test split')
    .option('--config <file>', 'a study from a TypeScript, JavaScript or JSON file; flags win')
    .option('--out <folder>', 'where the study is kept (default: runs/ablate)')
    .option('--tables <names>', `which of ${PAPER_TABLES.join(', ')}`, tableNames)
    .option('--seeds <list>', 'numbers with commas between (default: 0,1,2)', (text) =>
      text.split(',').map(number),
    )
    .option('--epochs <n>', 'of pretraining', number)
    .option('--model <preset>', 'model preset')
    .action(async (data: string | undefined, options: Options) => {
      const file = options.config === undefined ? {} : await loadSettingsFile(options.config);
      const study = parseStudy(withTables(overlay(file, given(data, options)), options.tables));
      const note = (text: string): void => void process.stderr.write(`study      ${text}\n`);
      try {
        const results = await runStudy(
          study,
          note,
          async (so_far) => void (await writeReport(study, so_far)),
        );
        process.stdout.write(`${resolve(await writeReport(study, results))}\n`);
      } catch (error) {
        if (!(error instanceof StudyInterrupted)) throw error;
        note('interrupted; the same command goes on with it');
        process.exitCode = INTERRUPTED;
      }
    });
}

function given(data: string | undefined, { out, seeds, epochs, model }: Options): SettingsLayer {
  return {
    ...(data !== undefined && { data }),
    ...(out !== undefined && { out }),
    ...(seeds !== undefined && { seeds }),
    pretrain: {
      ...(epochs !== undefined && { epochs }),
      ...(model !== undefined && { model: { preset: model } }),
    },
  };
}

/** The paper's tables that were asked for, or all of them where the study has none of its own. */
function withTables(study: SettingsLayer, names: readonly string[] | undefined): SettingsLayer {
  if (names === undefined && study['tables'] !== undefined) return study;
  const { model } = parseSettings({ data: '.', ...(study['pretrain'] as SettingsLayer | undefined) });
  const tables = paperTables(modelConfig(model));
  return { ...study, tables: (names ?? PAPER_TABLES).map((name) => tables[name]) };
}
