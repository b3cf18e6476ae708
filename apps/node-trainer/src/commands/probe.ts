import { join } from 'node:path';
import { dispose, openBackend } from '@maehem/backend';
import { NORMALISATIONS } from '@maehem/data';
import {
  BACKENDS,
  PROBE_METHODS,
  type PretrainSettings,
  type ProbeMethod,
  SettingsError,
} from '@maehem/settings';
import type { FeaturePooling } from '@maehem/train';
import { latestCheckpoint } from '@maehem/train/node';
import { Command, type Command as CommandType, InvalidArgumentError, Option } from 'commander';
import { number } from '../config/flags.js';
import { runFinetuning } from '../finetuning.js';
import { INTERRUPTED } from '../interrupt.js';
import { addModelOptions } from '../model-argument.js';
import { accuracies, openProbe, type ProbeFigures, percent, probeUntrained } from '../probe.js';
import { openProbeSubject, type ProbeSubject, type SubjectOptions } from '../probe-subject.js';
import { checkpointsOf } from '../run.js';

interface Options extends SubjectOptions {
  readonly method: readonly (ProbeMethod | 'partial')[];
  readonly pooling: FeaturePooling;
  readonly trainImages: number;
  readonly testImages: number;
  readonly k: readonly number[];
  readonly temperature: number;
  readonly epochs?: number;
  readonly batch?: number;
  readonly lr?: number;
  readonly warmupEpochs?: number;
  readonly augment?: boolean;
  readonly blocks: readonly number[];
  readonly out?: string;
  readonly baseline: boolean;
  readonly backend: PretrainSettings['backend'];
  readonly json?: boolean;
}

/** Accuracy of partial fine-tuning, by the number of blocks. */
type PartialFigures = readonly { readonly blocks: number; readonly accuracy: number }[];

const numbers = (text: string): number[] => text.split(',').map(number);

const methods = (text: string): Options['method'] => {
  const known: readonly string[] = [...PROBE_METHODS, 'partial'];
  const chosen = text.split(',');
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`'${unknown}' is none of ${known.join(', ')}.`);
  return chosen as unknown as Options['method'];
};

/** `maehem probe CHECKPOINT [DATA]` */
export function probeCommand(): CommandType {
  const command = new Command('probe')
    .description(
      'What an encoder has learned: accuracy of classifiers on its frozen features, on held-out images.',
    )
    .argument('<checkpoint>', 'a run, a checkpoint, or weights in any format')
    .argument('[data]', 'labelled images with a train and a test split; those of the run otherwise')
    .option(
      '--method <names>',
      'any of linear (softmax regression, L-BFGS), lars (the paper: batch norm, LARS), knn, partial (the last blocks are fine-tuned), with commas between',
      methods,
      ['linear'],
    )
    .addOption(
      new Option('--pooling <what>', 'mean over patches, or the class token')
        .choices(['mean', 'class'])
        .default('mean'),
    )
    .option('--train-images <n>', 'at most so many training images', number, 10_000)
    .option('--test-images <n>', 'at most so many test images', number, 10_000)
    .option('--k <list>', 'knn: neighbours', numbers, [20, 200])
    .option('--temperature <t>', 'knn: votes weigh exp(similarity / t)', number, 0.07)
    .option('--epochs <n>', 'lars, partial: passes over the images (default: 90, 20)', number)
    .option('--batch <n>', 'lars, partial: images in a step (default: 16384 or half of all, 64)', number)
    .option('--lr <rate>', 'lars, partial: learning rate for a batch of 256 (default: 0.1, 1e-3)', number)
    .option('--warmup-epochs <n>', 'lars, partial: linear warm-up (default: 10, 5)', number)
    .option('--augment', 'lars: new crops and flips each epoch, as in the paper')
    .option('--blocks <list>', 'partial: numbers of blocks to fine-tune; 0.5 is an MLP', numbers, [0.5, 1, 2])
    .option('--out <folder>', 'partial: where its runs are kept (default: partial, in the run)')
    .addOption(
      new Option(
        '--normalise <name>',
        "channel means and deviations for weights that are no run's (default: by the image's size)",
      ).choices(Object.keys(NORMALISATIONS).filter((name) => name !== 'none')),
    )
    .option('--no-baseline', 'leave out the untrained encoder')
    .addOption(new Option('--backend <name>', 'engine').choices(BACKENDS).default('auto'))
    .option('--json', 'one JSON object on stdout');
  return addModelOptions(command).action(
    async (checkpoint: string, data: string | undefined, options: Options) => {
      await openBackend(options.backend);
      const subject = await openProbeSubject(checkpoint, data, options);
      const frozen = options.method.filter((name): name is ProbeMethod => name !== 'partial');
      const tuned = options.method.includes('partial') ? partialFolder(subject, options) : undefined;
      const { pretrained, untrained } = await probeFrozen(subject, frozen, options);
      const partial = tuned === undefined ? undefined : await tunePartially(subject, tuned, options);
      if (partial === 'interrupted') {
        process.exitCode = INTERRUPTED;
        return;
      }
      if (options.json === true)
        process.stdout.write(
          `${JSON.stringify({ checkpoint: subject.path, pretrained, untrained, partial })}\n`,
        );
      else process.stdout.write(table(pretrained, untrained, partial));
    },
  );
}

/** @throws SettingsError when nobody says where to keep runs. */
function partialFolder({ path, folder }: ProbeSubject, { out }: Options): string {
  if (out !== undefined) return out;
  if (folder === undefined)
    throw new SettingsError(`${path} is no run's folder: say where to keep runs of partial tuning (--out)`);
  return join(folder, 'partial');
}

async function probeFrozen(
  { settings, config, load }: ProbeSubject,
  chosen: readonly ProbeMethod[],
  options: Options,
): Promise<{ pretrained: ProbeFigures; untrained?: ProbeFigures }> {
  if (chosen.length === 0) return { pretrained: {} };
  const { pooling, trainImages, testImages, k, temperature, augment = false } = options;
  const probe = await openProbe({
    ...{ settings, config, pooling, trainImages, testImages, methods: chosen, k, temperature },
    lars: { augment, ...given(options) },
  });
  const encoder = await load();
  const pretrained = await probe(encoder);
  dispose(encoder);
  return { pretrained, ...(options.baseline && { untrained: await probeUntrained(probe, config) }) };
}

/** What was typed of the settings that LARS and partial fine-tuning share, under the LARS probe's names. */
function given({ epochs, batch, lr, warmupEpochs }: Options) {
  return {
    ...(epochs !== undefined && { epochs }),
    ...(batch !== undefined && { batch }),
    ...(lr !== undefined && { baseLr: lr }),
    ...(warmupEpochs !== undefined && { warmupEpochs }),
  };
}

/** One fine-tuning run for each number of blocks; those that are there already go on, or are read. */
async function tunePartially(
  { path, settings, config }: ProbeSubject,
  folder: string,
  options: Options,
): Promise<PartialFigures | 'interrupted'> {
  const { epochs, batch, baseLr, warmupEpochs } = given(options) as Record<string, number>;
  const figures: { blocks: number; accuracy: number }[] = [];
  for (const blocks of options.blocks) {
    const out = join(folder, `blocks-${blocks}`);
    const resume = (await latestCheckpoint(checkpointsOf(out))) !== undefined;
    const { test, interrupted } = await runFinetuning(
      {
        ...{ data: settings.data, dataKind: settings.dataKind, from: path, out, seed: settings.seed },
        ...{ normalise: settings.normalise, model: { heads: config.model.heads } },
        ...{ backend: options.backend, pooling: options.pooling, tunedBlocks: blocks },
        ...{ trainImages: options.trainImages, testImages: options.testImages },
        ...(epochs !== undefined && {
          epochs,
          evaluateEvery: epochs,
          checkpointEvery: Math.max(1, epochs / 4),
        }),
        ...(batch !== undefined && { batch }),
        optimizer: {
          ...(baseLr !== undefined && { baseLr }),
          ...(warmupEpochs !== undefined && { warmupEpochs }),
        },
      },
      { resume },
    );
    if (interrupted) return 'interrupted';
    figures.push({ blocks, accuracy: test.accuracy });
  }
  return figures;
}

function table(
  pretrained: ProbeFigures,
  untrained: ProbeFigures | undefined,
  partial: PartialFigures | undefined,
): string {
  const baseline = new Map(untrained === undefined ? [] : accuracies(untrained));
  const lines = accuracies(pretrained).flatMap(([name, accuracy]) => {
    const other = baseline.get(name);
    return [
      `${name.padEnd(8)}  pretrained encoder  ${percent(accuracy)}`,
      ...(other === undefined ? [] : [`${name.padEnd(8)}  untrained encoder   ${percent(other)}`]),
    ];
  });
  const tuned = (partial ?? []).map(
    ({ blocks, accuracy }) => `${`partial ${blocks}`.padEnd(8)}  pretrained encoder  ${percent(accuracy)}`,
  );
  return `${[...lines, ...tuned].join('\n')}\n`;
}
