import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dispose, openBackend } from '@maehem/backend';
import { initMae, maeFlops } from '@maehem/mae';
import {
  overlay,
  type PretrainSettings,
  parseFinetuneSettings,
  parseSettings,
  pretrainConfig,
  type SettingsLayer,
  type Study,
  type Variant,
  variantId,
  variantSettings,
} from '@maehem/settings';
import { createPretraining, runKeys, visibleTokens } from '@maehem/train';
import { latestCheckpoint, loadEncoder, modelFile, saveCheckpoint } from '@maehem/train/node';
import { openOptions } from '../config/open.js';
import { openTrainingImages } from '../data-source.js';
import { runFinetuning } from '../finetuning.js';
import { accuracies, openProbe } from '../probe.js';
import { checkpointsOf, runPretraining } from '../run.js';

/** Accuracies by what measured them: `linear`, `knn 20`, `fine-tuning`, `partial 0.5`; in [0, 1]. */
type Figures = Readonly<Record<string, number>>;

/** Figures of every seed, by the name of what was judged: a variant's id, `untrained`, or a baseline's name. */
export type StudyResults = Readonly<Record<string, Readonly<Record<number, Figures>>>>;

/** Told before each part of a study. */
export type OnPart = (what: string) => void;

/** A study was interrupted: what is done is kept. */
export class StudyInterrupted extends Error {}

/**
 * Run a study, or what is left of it: every part keeps its figures in a folder of its own as soon as it is done, and a
 * training run that was cut off goes on where it was. Seeds come one after the other, so that each is a whole study.
 * @param each called after every part with all results so far
 * @throws StudyInterrupted after Ctrl-C.
 */
export async function runStudy(
  study: Study,
  onPart: OnPart,
  each: (results: StudyResults) => Promise<void>,
): Promise<StudyResults> {
  // What is wrong with a baseline should show now and not after hours of pretraining.
  for (const { sameCompute } of study.scratch) scratchSettings(study, 0, sameCompute);
  const results: Record<string, Record<number, Figures>> = {};
  const note = async (name: string, seed: number, figures: Figures): Promise<void> => {
    results[name] = { ...results[name], [seed]: figures };
    await each(results);
  };
  for (const seed of study.seeds) {
    const part = (name: string) => join(study.out, 'parts', name, `seed-${seed}`);
    for (const variant of distinctVariants(study)) {
      const id = variantId(variant);
      onPart(`${id}, seed ${seed}`);
      await note(id, seed, await kept(part(id), () => judgeVariant(study, variant, seed, part(id))));
    }
    if (study.untrained) {
      onPart(`untrained, seed ${seed}`);
      const folder = part('untrained');
      await note('untrained', seed, await kept(folder, () => judgeUntrained(study, seed, folder)));
    }
    for (const baseline of study.scratch) {
      onPart(`${baseline.name}, seed ${seed}`);
      const folder = part(baseline.name.replaceAll(/[^\w.-]+/g, '-'));
      const train = async (): Promise<Figures> => {
        const settings = overlay(scratchSettings(study, seed, baseline.sameCompute), baseline.finetune);
        return { 'fine-tuning': await finetune(settings, join(folder, 'scratch')) };
      };
      await note(baseline.name, seed, await kept(folder, train));
    }
  }
  return results;
}

/** All variants of all tables, each once; the study's own settings first. */
export function distinctVariants(study: Study): Variant[] {
  const own: Variant = { name: 'default', pretrain: {} };
  const all = [own, ...study.tables.flatMap(({ variants }) => variants)];
  return [...new Map(all.map((variant) => [variantId(variant), variant])).values()];
}

/** The figures of a part that is done, or of doing it now. */
async function kept(folder: string, judge: () => Promise<Figures>): Promise<Figures> {
  const path = join(folder, 'figures.json');
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Figures;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const figures = await judge();
  await mkdir(folder, { recursive: true });
  await writeFile(path, `${JSON.stringify(figures, null, 2)}\n`);
  return figures;
}

async function judgeVariant(study: Study, variant: Variant, seed: number, folder: string): Promise<Figures> {
  const out = join(folder, 'pretrain');
  const given = { ...variantSettings(study, variant, seed), out };
  const resume = (await latestCheckpoint(checkpointsOf(out))) !== undefined;
  const { settings, checkpoint, interrupted } = await runPretraining(resume ? { out } : given, { resume });
  if (interrupted) throw new StudyInterrupted();
  const isDefault = variantId(variant) === 'default';
  return {
    ...(await probeFigures(study, settings, checkpoint)),
    ...(isDefault ? await partialFigures(study, checkpoint, seed, folder) : {}),
    ...(study.finetune !== null && (isDefault || study.finetuneVariants === 'all')
      ? { 'fine-tuning': await finetune(finetuneSettings(study, seed, checkpoint), join(folder, 'finetune')) }
      : {}),
  };
}

/** The initial weights of the study's own model, judged as if they had been pretrained. */
async function judgeUntrained(study: Study, seed: number, folder: string): Promise<Figures> {
  const settings = parseSettings(variantSettings(study, { name: 'untrained', pretrain: {} }, seed));
  await openBackend(settings.backend, openOptions(settings));
  const { batchesPerEpoch } = await openTrainingImages(settings, () => {});
  const config = pretrainConfig(settings);
  const run = createPretraining(config, batchesPerEpoch, {
    params: initMae(runKeys(config).init, config.model),
    stepIndex: 0,
  });
  const { trainer } = run;
  const checkpoint = await saveCheckpoint(join(folder, 'checkpoints'), {
    ...{ trainer, config, extra: settings, keep: 1 },
  });
  run.dispose();
  return {
    ...(await probeFigures(study, settings, checkpoint)),
    ...(await partialFigures(study, checkpoint, seed, folder)),
  };
}

async function probeFigures(study: Study, settings: PretrainSettings, checkpoint: string): Promise<Figures> {
  const config = pretrainConfig(settings);
  const probe = await openProbe({ settings, config, ...study.probe });
  const encoder = await loadEncoder(modelFile(checkpoint), config.model);
  const figures = await probe(encoder);
  dispose(encoder);
  return Object.fromEntries(accuracies(figures));
}

async function partialFigures(study: Study, from: string, seed: number, folder: string): Promise<Figures> {
  const figures: Record<string, number> = {};
  for (const tunedBlocks of study.finetune === null ? [] : study.partial) {
    const settings = { ...finetuneSettings(study, seed, from), tunedBlocks };
    figures[`partial ${tunedBlocks}`] = await finetune(settings, join(folder, `partial-${tunedBlocks}`));
  }
  return figures;
}

function finetuneSettings(study: Study, seed: number, from: string): SettingsLayer {
  const { data, dataKind, backend } = study;
  return overlay(study.finetune ?? {}, { data, dataKind, backend, seed, from });
}

/** The same labels and the same model, without pretraining. */
function scratchSettings(study: Study, seed: number, sameCompute: boolean): SettingsLayer {
  const { data, dataKind, backend } = study;
  const layer = overlay(study.finetune ?? {}, { data, dataKind, backend, seed });
  const {
    decoderDim: _d,
    decoderDepth: _n,
    decoderHeads: _h,
    ...model
  } = (study.pretrain['model'] ?? {}) as SettingsLayer;
  const settings = overlay(layer, { model });
  return sameCompute ? { ...settings, epochs: sameComputeEpochs(study, settings) } : settings;
}

/**
 * Epochs of training from scratch that cost what pretraining and fine-tuning cost together, by the FLOPs of forward
 * passes: pretraining sees a quarter of the patches in the encoder and all of them in the decoder.
 */
function sameComputeEpochs(study: Study, scratch: SettingsLayer): number {
  const pretrain = parseSettings(variantSettings(study, { name: '', pretrain: {} }, 0));
  const finetune = parseFinetuneSettings(scratch);
  const { model, mask } = pretrainConfig(pretrain);
  const masked = maeFlops(model, visibleTokens(mask, model));
  const whole = maeFlops(
    model,
    (model.imageSize[0] / model.patchSize[0]) * (model.imageSize[1] / model.patchSize[1]),
  );
  if (pretrain.trainImages === null || finetune.trainImages === null)
    throw new Error(
      'a study with a baseline of the same compute must set trainImages, for pretraining and fine-tuning',
    );
  const images = (pretrain.epochs * pretrain.trainImages) / finetune.trainImages;
  return Math.round(finetune.epochs + (images * (masked.encoder + masked.decoder)) / whole.encoder);
}

/** Fine-tune, or go on with it, and tell the accuracy on the test split. */
async function finetune(given: SettingsLayer, out: string): Promise<number> {
  const resume = (await latestCheckpoint(checkpointsOf(out))) !== undefined;
  const { test, interrupted } = await runFinetuning(resume ? { out } : { ...given, out }, { resume });
  if (interrupted) throw new StudyInterrupted();
  return test.accuracy;
}
