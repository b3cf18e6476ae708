import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, openBackend } from '@maehem/backend';
import { maeParameters } from '@maehem/mae';
import {
  overlay,
  type PretrainSettings,
  parseSettings,
  pretrainConfig,
  recomputeEvery,
  SettingsError,
  type SettingsLayer,
} from '@maehem/settings';
import {
  createPretraining,
  type PretrainConfig,
  type PretrainingOptions,
  type PretrainRun,
  type TrainingState,
} from '@maehem/train';
import {
  createParallelPretrainer,
  latestCheckpoint,
  loadCheckpoint,
  readCheckpointInfo,
  saveCheckpoint,
  threadsUnavailable,
} from '@maehem/train/node';
import type { RgbaImage } from '@maehem/viz';
import { compileLongRun, openOptions } from './config/open.js';
import { openTuning, recordTuning } from './config/tuning.js';
import { openTrainingImages, type TrainingImages } from './data-source.js';
import type { PretrainedSource } from './pretrained-source.js';
import { type Progress, trainingProgress } from './progress.js';
import { type HeldOutImages, loadHeldOut, writeReconstruction } from './reconstruction.js';
import { assertSameImages, type ResumeOptions } from './resume.js';
import { openRunLog, type RunLog } from './run-log.js';
import { openStart, settingsOfWeights, startFromWeights } from './starting-weights.js';
import { targetComponents } from './target-components.js';
import { trainToEnd } from './training.js';

/** How a run ended. */
export interface RunOutcome {
  readonly settings: PretrainSettings;
  readonly config: PretrainConfig;
  readonly checkpoint: string;
  readonly interrupted: boolean;
  readonly finalLoss: number;
  /** What the model makes of held-out images, as in `reconstruction.png`. */
  readonly mosaic: RgbaImage;
}

/** Steps that are timed, after as many that warm up, when the length of a run is given in minutes. */
const CALIBRATION_STEPS = 6;

/** The engine compiles hot code as it goes, in each thread by itself: the first steps take twice as long. */
const WARM_UP_SECONDS = 2;

/** The folder of a run's checkpoints. */
export function checkpointsOf(out: string): string {
  return join(out, 'checkpoints');
}

/**
 * Pretrain as the settings say, from the start or from the newest checkpoint, and leave in the run's folder:
 * `config.json`, `metrics.jsonl`, TensorBoard events, `checkpoints/`, `reconstruction.png`, `loss.svg`.
 * @param given settings from files and flags; when resuming, laid over those of the checkpoint
 */
export async function runPretraining(given: SettingsLayer, options: ResumeOptions): Promise<RunOutcome> {
  const progress = trainingProgress();
  const out = typeof given['out'] === 'string' ? given['out'] : parseSettings({ data: '.' }).out;
  const checkpoint = await startingCheckpoint(out, options.resume);
  const stored = checkpoint === undefined ? undefined : await readCheckpointInfo(checkpoint);
  const layer = overlay((stored?.extra ?? {}) as SettingsLayer, given);
  const weights = checkpoint === undefined ? await openStart(layer) : undefined;
  const settings = parseSettings(weights === undefined ? layer : settingsOfWeights(layer, weights));
  const backend = await openBackend(settings.backend, openOptions(settings));
  const tuning = await openTuning(backend, settings, progress);
  const threads = trainingThreads(settings, backend, progress);
  const images = await openTrainingImages(settings, ({ error }) =>
    progress.note(`skipped: ${error.message}`),
  );
  assertSameImages(stored?.images, images.fingerprint, settings, options);
  const start = checkpoint === undefined ? undefined : await loadCheckpoint(checkpoint);
  if (start !== undefined)
    assertSameTrajectory(start.info.config, pretrainConfig(settings, start.info.config.epochs), settings);
  const config =
    start?.info.config ?? pretrainConfig(settings, await plannedEpochs(settings, images, threads, progress));
  const state = start?.state ?? (weights && (await loadWeights(config, weights, progress)));
  const recompute = recomputeEvery(settings.recompute);
  const how = { recompute, ...inThreads(threads), ...(await targetComponents(config, images)) };
  const run = createPretraining(config, images.batchesPerEpoch, state, how);
  await compileLongRun(settings, backend, run.totalSteps);
  if (threads > 1)
    progress.note(`threads    ${threads}, each on ${config.batch / threads} images of a batch`);
  announce(progress, backend, settings, images, run);
  await mkdir(settings.out, { recursive: true });
  await writeFile(
    join(settings.out, 'config.json'),
    `${JSON.stringify({ ...settings, epochs: config.epochs, minutes: null }, null, 2)}\n`,
  );
  await recordTuning(settings.out, tuning);
  const log = await openRunLog(settings.out, run.trainer.stepIndex, 'Pretraining loss');
  const heldOut = await loadHeldOut(settings);
  try {
    return await train({ run, settings, config, images, log, progress, heldOut });
  } finally {
    progress.stop();
    log.close();
    run.dispose();
  }
}

async function loadWeights(
  config: PretrainConfig,
  weights: PretrainedSource,
  progress: Progress,
): Promise<TrainingState> {
  const { params, report } = await startFromWeights(config, weights);
  await weights.model.close();
  for (const line of report) progress.note(`weights    ${line}`);
  return { params, stepIndex: 0 };
}

/** The checkpoint to go on from. @throws when there is none to resume, or one that a new run would bury. */
export async function startingCheckpoint(out: string, resume: boolean): Promise<string | undefined> {
  const checkpoint = await latestCheckpoint(checkpointsOf(out));
  if (resume && checkpoint === undefined)
    throw new SettingsError(`there is no checkpoint to resume in ${checkpointsOf(out)}`);
  if (!resume && checkpoint !== undefined)
    throw new SettingsError(
      `${out} holds a run already (${checkpoint}); go on with it by --resume, or choose another --out`,
    );
  return checkpoint;
}

/** @throws when flags would change what a resumed run computes; names the settings. */
export function assertSameTrajectory<Config extends object>(
  stored: Config,
  wanted: Config,
  settings: { readonly out: string },
): void {
  const changed = (Object.keys(stored) as (keyof Config & string)[]).filter(
    (name) => JSON.stringify(stored[name]) !== JSON.stringify(wanted[name]),
  );
  if (changed.length > 0)
    throw new SettingsError(
      `a resumed run cannot change ${changed.join(', ')}; start a new one in another folder than ${settings.out}`,
    );
}

/** The threads that were asked for, or one where there cannot be more. */
function trainingThreads({ threads }: PretrainSettings, backend: Backend, progress: Progress): number {
  const refusal = threads > 1 ? refusalOfThreads(backend) : undefined;
  if (refusal === undefined) return threads;
  progress.note(`threads    1 in place of ${threads}: ${refusal}`);
  return 1;
}

/** Why a step cannot be shared by threads here. */
function refusalOfThreads({ name, capabilities }: Backend): string | undefined {
  if (!capabilities.sharedMemory) return `${name} divides its work itself`;
  return threadsUnavailable();
}

function inThreads(threads: number): PretrainingOptions {
  return threads === 1
    ? {}
    : { pretrainer: (task, start) => createParallelPretrainer(task, start, { threads }) };
}

/** Epochs as set, or as many as fit the minutes at the speed of the first steps, measured on a throw-away run. */
async function plannedEpochs(
  settings: PretrainSettings,
  images: TrainingImages,
  threads: number,
  progress: Progress,
): Promise<number> {
  const { minutes } = settings;
  if (minutes === null) return settings.epochs;
  const config = pretrainConfig(settings, 1000);
  const recompute = recomputeEvery(settings.recompute);
  const how = { recompute, ...inThreads(threads), ...(await targetComponents(config, images)) };
  const trial = createPretraining(config, images.batchesPerEpoch, undefined, how);
  const timed: number[] = [];
  let warmUpSteps = 0;
  let elapsed = 0;
  for await (const { seconds } of trial.steps(images.epochs)) {
    elapsed += seconds;
    if (warmUpSteps < CALIBRATION_STEPS || elapsed < WARM_UP_SECONDS) warmUpSteps++;
    else timed.push(seconds);
    if (timed.length === CALIBRATION_STEPS) break;
  }
  trial.dispose();
  timed.sort((a, b) => a - b);
  const perStep = timed[timed.length >> 1]!;
  const steps = Math.max(1, Math.round((minutes * 60) / perStep));
  progress.note(`${(1000 * perStep).toFixed(0)} ms a step: ${steps} steps in ${minutes} minutes`);
  return steps / trial.stepsPerEpoch;
}

function announce(
  progress: Progress,
  backend: Backend,
  settings: PretrainSettings,
  images: TrainingImages,
  run: PretrainRun,
): void {
  const { total, encoder } = maeParameters(run.config.model);
  const { imageSize, patchSize } = run.config.model;
  progress.note(`settings   ${JSON.stringify(settings)}`);
  progress.note(`backend    ${backend.name}: ${backend.description}`);
  progress.note(`data       ${images.dataset.name}: ${images.dataset.length} images`);
  progress.note(
    `model      ${settings.model.preset}, image ${imageSize.join('x')}, patch ${patchSize.join('x')}: ${(total / 1e6).toFixed(2)} M parameters, encoder ${(encoder / 1e6).toFixed(2)} M`,
  );
  progress.note(
    `plan       ${run.totalSteps} steps of ${run.config.batch * run.config.accumulate} images, ${run.config.epochs.toFixed(1)} epochs, mask ${run.config.mask.strategy} ${run.config.mask.ratio}`,
  );
  if (run.trainer.stepIndex > 0) progress.note(`resuming   at step ${run.trainer.stepIndex}`);
}

interface Pretraining {
  readonly run: PretrainRun;
  readonly settings: PretrainSettings;
  readonly config: PretrainConfig;
  readonly images: TrainingImages;
  readonly log: RunLog;
  readonly progress: Progress;
  readonly heldOut: HeldOutImages;
}

async function train(training: Pretraining): Promise<RunOutcome> {
  const { run, settings, config, images, log, progress } = training;
  let mosaic: RgbaImage | undefined;
  const save = async (): Promise<string> => {
    const saved = await saveWithPicture(training);
    mosaic = saved.mosaic;
    return saved.checkpoint;
  };
  const { out, checkpointEvery } = settings;
  const outcome = await trainToEnd({ run, out, checkpointEvery, images, log, progress, save });
  return { settings, config, ...outcome, mosaic: mosaic! };
}

async function saveWithPicture({
  run,
  settings,
  config,
  images,
  heldOut,
  log,
}: Pretraining): Promise<{ checkpoint: string; mosaic: RgbaImage }> {
  const checkpoint = await saveCheckpoint(checkpointsOf(settings.out), {
    trainer: run.trainer,
    config,
    images: images.fingerprint,
    extra: { ...settings, epochs: config.epochs, minutes: null },
    keep: settings.keepCheckpoints,
  });
  const { png, mosaic } = await writeReconstruction(
    run.trainer.params(),
    config,
    heldOut,
    join(settings.out, 'reconstruction.png'),
  );
  log.image('reconstruction', png, run.trainer.stepIndex);
  return { checkpoint, mosaic };
}
