import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, openBackend } from '@maehem/backend';
import {
  classifierConfig,
  type FinetuneSettings,
  finetuneConfig,
  overlay,
  parseFinetuneSettings,
  recomputeEvery,
  type SettingsLayer,
} from '@maehem/settings';
import {
  averagedParams,
  type Classification,
  classifierFrom,
  createFinetuning,
  describeLoad,
  evaluateClassifier,
  FINETUNE_HEAD_STD,
  type FinetuneConfig,
  type FinetuneRun,
  finetuneKeys,
  loadPretrained,
  type StartingState,
  vitConfigOf,
} from '@maehem/train';
import { loadFinetuneCheckpoint, readCheckpointInfo, saveCheckpoint } from '@maehem/train/node';
import { type Classifier, type ClassifierConfig, initClassifier } from '@maehem/vit';
import { compileLongRun, openOptions } from './config/open.js';
import { openTuning, recordTuning } from './config/tuning.js';
import { labelledBatches, openLabelled, testBatches } from './labelled-images.js';
import { openPretrained, type PretrainedSource } from './pretrained-source.js';
import { percent } from './probe.js';
import { type Progress, trainingProgress } from './progress.js';
import { assertSameImages, type ResumeOptions } from './resume.js';
import { assertSameTrajectory, checkpointsOf, startingCheckpoint } from './run.js';
import { openRunLog } from './run-log.js';
import { everyEpochs, trainToEnd } from './training.js';

/** How a fine-tuning run ended. */
export interface FinetuneOutcome {
  readonly settings: FinetuneSettings;
  readonly config: FinetuneConfig;
  readonly checkpoint: string;
  readonly interrupted: boolean;
  /** On the test split, with the averaged weights where the run keeps some. */
  readonly test: Classification;
}

/**
 * Fine-tune, or train from scratch, as the settings say, from the start or from the newest checkpoint, and leave in
 * the run's folder what pretraining leaves, with `evaluations.jsonl` and `result.json` in place of the picture.
 * @param given settings from files and flags; when resuming, laid over those of the checkpoint
 */
export async function runFinetuning(
  given: SettingsLayer,
  options: ResumeOptions & { readonly progress?: Progress },
): Promise<FinetuneOutcome> {
  const progress = options.progress ?? trainingProgress();
  const { out } = parseFinetuneSettings({ data: '.', ...given });
  const checkpoint = await startingCheckpoint(out, options.resume);
  const stored = checkpoint === undefined ? undefined : await readCheckpointInfo(checkpoint, 'finetune');
  const settings = parseFinetuneSettings(overlay((stored?.extra ?? {}) as SettingsLayer, given));
  const backend = await openBackend(settings.backend, openOptions(settings));
  const tuning = await openTuning(backend, settings, progress);
  const labelled = await openLabelled(settings, settings, finetuneKeys(settings).labels);
  assertSameImages(stored?.images, labelled.fingerprint, settings, options);
  const { start, config, known } = await startingState(
    settings,
    checkpoint,
    labelled.classes.length,
    progress,
  );
  const images = labelledBatches(known, config.model, labelled, ({ error }) =>
    progress.note(`skipped: ${error.message}`),
  );
  const recompute = recomputeEvery(settings.recompute);
  const run = createFinetuning(config, images.batchesPerEpoch, start, { recompute });
  await compileLongRun(settings, backend, run.totalSteps);
  announce(progress, backend, run, [labelled.train.length, labelled.test.length], settings);
  await mkdir(settings.out, { recursive: true });
  await writeJson(join(settings.out, 'config.json'), known);
  await recordTuning(settings.out, tuning);
  const log = await openRunLog(settings.out, run.trainer.stepIndex, 'Fine-tuning loss', { evaluated: true });
  const evaluate = (): Promise<Classification> =>
    evaluateClassifier(
      averagedParams(run.trainer),
      config.model,
      testBatches(known, config.model, labelled.test),
    );
  const evaluationDue = everyEpochs(settings.evaluateEvery, run);
  try {
    const outcome = await trainToEnd({
      ...{ run, out: settings.out, checkpointEvery: settings.checkpointEvery, images, log, progress },
      afterStep: async (report) => {
        if (!evaluationDue(report)) return;
        const test = await evaluate();
        log.evaluation({ ...test }, report.step);
        progress.note(`epoch ${report.epoch.toFixed(0).padEnd(5)} test accuracy ${percent(test.accuracy)}`);
      },
      save: () =>
        saveCheckpoint(checkpointsOf(settings.out), {
          ...{ trainer: run.trainer, config, kind: 'finetune', extra: known, keep: settings.keepCheckpoints },
          images: labelled.fingerprint,
          ...(config.ema !== null && { averaged: averagedParams(run.trainer) }),
        }),
    });
    const test = await evaluate();
    log.evaluation({ ...test }, run.trainer.stepIndex);
    if (!outcome.interrupted) await writeJson(join(settings.out, 'result.json'), { test });
    return { settings: known, config, ...outcome, test };
  } finally {
    progress.stop();
    log.close();
    run.dispose();
  }
}

/** What a run starts from: its own checkpoint, a pretrained encoder with a fresh head, or nothing at all. */
async function startingState(
  settings: FinetuneSettings,
  checkpoint: string | undefined,
  classes: number,
  progress: Progress,
): Promise<{ start: StartingState<Classifier>; config: FinetuneConfig; known: FinetuneSettings }> {
  if (checkpoint !== undefined) {
    const { info, state } = await loadFinetuneCheckpoint(checkpoint);
    assertSameTrajectory(info.config, finetuneConfig(settings, info.config.model), settings);
    return { start: state, config: info.config, known: settings };
  }
  const key = finetuneKeys(settings).init;
  if (settings.from === null) {
    const model = classifierConfig(settings, classes);
    const start = { params: classifierFrom(model, key), stepIndex: 0 };
    return { start, config: finetuneConfig(settings, model), known: settings };
  }
  const source = await openPretrained(settings.from, { heads: settings.model.heads });
  try {
    const model = classifierConfig(settings, classes, vitConfigOf(source.model));
    const params = await onPretrained(model, key, source, progress);
    const known = { ...settings, normalise: normalisationOf(settings, source) };
    return { start: { params, stepIndex: 0 }, config: finetuneConfig(settings, model), known };
  } finally {
    await source.model.close();
  }
}

/** The encoder's images were normalised in some way: fine-tuning must do the same, unless told otherwise. */
function normalisationOf(
  { normalise }: FinetuneSettings,
  source: PretrainedSource,
): FinetuneSettings['normalise'] {
  return normalise === 'auto' ? (source.normalise ?? normalise) : normalise;
}

async function onPretrained(
  model: ClassifierConfig,
  key: ReturnType<typeof finetuneKeys>['init'],
  source: PretrainedSource,
  progress: Progress,
): Promise<Classifier> {
  const { params, report } = await loadPretrained(
    initClassifier(key, model, FINETUNE_HEAD_STD),
    source.model,
    {
      ...{ imageSize: model.imageSize, patchSize: model.patchSize },
      mayStartFresh: (path) => path.startsWith('head.') || path.startsWith('fc_norm.'),
    },
  );
  for (const line of describeLoad(report)) progress.note(`weights    ${line}`);
  return params;
}

function announce(
  progress: Progress,
  backend: Backend,
  run: FinetuneRun,
  [train, test]: readonly [number, number],
  settings: FinetuneSettings,
): void {
  const { model, tunedBlocks, batch, accumulate, epochs } = run.config;
  progress.note(`settings   ${JSON.stringify(settings)}`);
  progress.note(`backend    ${backend.name}: ${backend.description}`);
  progress.note(`data       ${train} images to train on, ${test} to test with, ${model.classes} classes`);
  progress.note(
    `model      width ${model.dim}, depth ${model.depth}, heads ${model.heads}, image ${model.imageSize.join('x')}, patch ${model.patchSize.join('x')}, pooling ${model.pooling}; trains ${tunedBlocks === null ? 'all of it' : `the last ${tunedBlocks} blocks and the head`}`,
  );
  progress.note(`plan       ${run.totalSteps} steps of ${batch * accumulate} images, ${epochs} epochs`);
  if (run.trainer.stepIndex > 0) progress.note(`resuming   at step ${run.trainer.stepIndex}`);
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
