import { type Backend, GpuLostError, GpuMemoryError } from '@maehem/backend';
import { normalisedImages } from '@maehem/data';
import type { Tuning } from '@maehem/kernels';
import { isDecoder, type Mae } from '@maehem/mae';
import { patchGrid } from '@maehem/patches';
import { type PretrainSettings, pretrainConfig, recomputeEvery } from '@maehem/settings';
import {
  type CheckpointInfo,
  createPretraining,
  DivergenceError,
  describeCheckpoint,
  downloadOptimizerState,
  downloadTree,
  type PretrainRun,
  type StepReport,
} from '@maehem/train';
import { ARCHITECTURE_NOTE, encodeSafetensors } from '@maehem/weights';
import { openSource, type Pictures, shown, spread } from '../data/pictures.js';
import type { DataSource } from '../data/source.js';
import { claimRun } from '../keep/claim.js';
import { storageUnavailable } from '../keep/private-files.js';
import { findRun, keepCheckpoint, newestCheckpoint } from '../keep/run-store.js';
import { openEngine } from './engine.js';
import { guessPictures, livePlan } from './guess.js';
import { emptyHistory, type History, note } from './history.js';
import type { FailureReason, OpenRequest, Phase, RunSummary, StepTold, TrainerEvent } from './protocol.js';
import { keptState, stateFromFile } from './start.js';
import { inThreads, refusalOfThreads } from './threads.js';
import { openTuning, tunedTiles } from './tuning.js';
import { nextTurn, oneAtATime } from './turns.js';

/** Held-out pictures that are shown live. */
const LIVE = 6;
/** The page is told of steps, shown pictures, and the run is kept, no more often than so many milliseconds. */
const TELL_EVERY = 100;
const SHOW_EVERY = 700;
const KEEP_EVERY = 20_000;
/** A step that took so much longer than others means that the machine or the tab slept. */
const SLEEP_SECONDS = 15;

/** A run in this worker: its engine, its pictures, its state. */
export interface Run {
  readonly summary: RunSummary;
  readonly settings: PretrainSettings;
  readonly pictures: Pictures;
  readonly backend: Backend;
  /** The parameters as they are now; valid inside {@link Run.between} alone. */
  readonly params: () => Mae;
  /** Do something while no step is under way. */
  readonly between: <T>(work: () => T | Promise<T>) => Promise<T>;
  start(): void;
  pause(): Promise<void>;
  step(): Promise<void>;
  exportWeights(what: 'model' | 'encoder'): Promise<Uint8Array>;
  fail(error: unknown): void;
}

/** Set a run up: engine, pictures, weights. @throws with the reason when one of them can't be had. */
export async function openRun(request: OpenRequest, tell: (event: TrainerEvent) => void): Promise<Run> {
  const id = request.resume ?? newId();
  await claimRun(id);
  const kept = request.resume === undefined ? undefined : await resumed(request.resume);
  const { settings, source } = kept?.run ?? request;
  const { backend, notes } = await openEngine(request.engine, request.site, settings);
  const tuning = await openTuning(backend, settings);
  const pictures = await openSource(request.site, source, settings);
  const config = pretrainConfig(settings);
  const fromFile =
    request.start === undefined || kept !== undefined
      ? undefined
      : await stateFromFile(config, request.start.file, request.start.name);
  const state = kept === undefined ? fromFile?.state : keptState(kept.files);
  const refusal = settings.threads > 1 ? refusalOfThreads(backend) : undefined;
  const how = {
    recompute: recomputeEvery(settings.recompute),
    ...(refusal === undefined ? inThreads(settings, request.site) : {}),
  };
  const run = createPretraining(config, pictures.batchesPerEpoch, state, how);
  const history = kept?.files.history ?? emptyHistory();
  const summary: RunSummary = {
    ...{ id, settings, source, history },
    ...{ engine: backend.name, engineDescription: backend.description },
    ...(tuning && { tiles: tunedTiles(tuning) }),
    threads: refusal === undefined ? settings.threads : 1,
    ...{ step: run.trainer.stepIndex, totalSteps: run.totalSteps, stepsPerEpoch: run.stepsPerEpoch },
    ...{ trainImages: pictures.train.length, heldOutImages: pictures.heldOut.length },
    classes: pictures.train.classes ?? [],
    grid: patchGrid(...config.model.imageSize, config.model.patchSize).shape,
    notes: [...notes, ...(fromFile?.notes ?? [])],
  };
  return training({ summary, run, backend, tuning, pictures, settings, source, history, tell });
}

async function resumed(id: string) {
  const run = await findRun(id);
  if (run === undefined)
    throw new Error('this run is no longer kept here; it may have been deleted in another tab');
  return { run, files: await newestCheckpoint(id) };
}

/** Sorts by time. */
function newId(): string {
  return `${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;
}

interface Setup {
  readonly summary: RunSummary;
  readonly run: PretrainRun;
  readonly backend: Backend;
  readonly tuning: Tuning | undefined;
  readonly pictures: Pictures;
  readonly settings: PretrainSettings;
  readonly source: DataSource;
  readonly history: History;
  readonly tell: (event: TrainerEvent) => void;
}

function training(setup: Setup): Run {
  const { summary, run, backend, tuning, pictures, settings, source, history, tell } = setup;
  const { trainer, totalSteps } = run;
  const between = oneAtATime();
  const live = liveImages(pictures, settings);
  let phase: Phase = 'ready';
  let failed = false;
  let loop: Promise<void> | undefined;
  let keptStep: number | undefined = trainer.stepIndex === 0 ? undefined : trainer.stepIndex;
  let lastLoss = history.loss.at(-1) ?? Number.NaN;
  let untold: StepTold[] = [];
  const last = { told: 0, shown: 0, kept: performance.now() };

  function enter(next: Phase): void {
    phase = next;
    tell({ type: 'phase', phase });
  }

  async function train(steps: number): Promise<void> {
    const iterator = run.steps(pictures.epochs);
    try {
      for (let done = 0; done < steps && phase === 'training'; done++) {
        const { value: report } = await between(() => iterator.next());
        if (report === undefined) break;
        noteStep(report);
        await nextTurn();
        await tellDue(report);
      }
      await iterator.return();
      await settle();
    } catch (error) {
      await iterator.return().catch(() => {});
      fail(error);
    }
  }

  function noteStep({ step, epoch, loss, lr, gradNorm, seconds }: StepReport): void {
    lastLoss = loss;
    note(history, { step, loss, lr });
    untold.push({ step, epoch, loss, lr, gradNorm });
    if (seconds > SLEEP_SECONDS && step > 1) tell({ type: 'slept', seconds });
  }

  async function tellDue(report: StepReport): Promise<void> {
    const now = performance.now();
    if (now - last.told > TELL_EVERY) {
      tellSteps(report.imagesPerSecond, now);
    }
    if (now - last.shown > SHOW_EVERY) await show();
    if (now - last.kept > KEEP_EVERY) await keep();
  }

  /** The rate is taken over all steps since the last word, pictures and messages included. */
  function tellSteps(latest: number, now: number): void {
    const { batch, accumulate } = run.config;
    const elapsed = (now - last.told) / 1000;
    const imagesPerSecond =
      last.told === 0 || elapsed > 2 ? latest : (untold.length * batch * accumulate) / elapsed;
    const { tensorBytes, heapBytes } = backend.memory();
    tell({ type: 'steps', steps: untold, imagesPerSecond, memory: { tensorBytes, heapBytes } });
    untold = [];
    last.told = now;
  }

  /** The end of training, for now or for good: everything is told, shown and kept. */
  async function settle(): Promise<void> {
    if (untold.length > 0) tellSteps(0, performance.now());
    await show();
    await keep();
    enter(trainer.stepIndex >= totalSteps ? 'finished' : 'paused');
  }

  async function show(): Promise<void> {
    const images = await live;
    const pictures = await between(() =>
      guessPictures(trainer.params(), settings, images.values, livePlan(settings, images.count)),
    );
    tell({ type: 'pictures', step: trainer.stepIndex, pictures });
    last.shown = performance.now();
  }

  /** A run that can't be kept goes on: the page says so, and offers to export it. */
  async function keep(): Promise<void> {
    last.kept = performance.now();
    if (keptStep === trainer.stepIndex || storageUnavailable() !== undefined) return;
    try {
      const { model, optimizer, info } = await between(checkpoint);
      const stored = {
        ...{ id: summary.id, settings, source, totalSteps, loss: lastLoss },
        ...(tuning && { tuning }),
      };
      await keepCheckpoint(
        { ...stored, step: info.step, updated: Date.now() },
        { model, optimizer, info, history },
      );
      keptStep = info.step;
      tell({ type: 'kept', step: info.step, bytes: model.length + optimizer.length, at: Date.now() });
    } catch (error) {
      tell({ type: 'not-kept', message: (error as Error).message });
    }
  }

  async function checkpoint(): Promise<{ model: Uint8Array; optimizer: Uint8Array; info: CheckpointInfo }> {
    const info = describeCheckpoint(trainer, run.config, settings);
    const model = encodeSafetensors(await downloadTree(trainer.params()), modelNotes(info));
    const optimizer = encodeSafetensors(await downloadOptimizerState(trainer.optimizerState()));
    return { model, optimizer, info };
  }

  function fail(error: unknown): void {
    if (failed) return;
    failed = true;
    phase = 'paused';
    tell({ type: 'failed', reason: reasonOf(error), message: (error as Error).message, keptStep });
  }

  function begin(steps: number): Promise<void> {
    if (failed || trainer.stepIndex >= totalSteps) return Promise.resolve();
    enter('training');
    last.told = 0;
    loop = train(steps).finally(() => {
      loop = undefined;
    });
    return loop;
  }

  void show().catch(fail);
  return {
    ...{ summary, settings, pictures, backend, between, fail },
    params: () => trainer.params(),
    start: () => {
      if (loop === undefined) void begin(Number.POSITIVE_INFINITY);
    },
    pause: async () => {
      if (phase === 'training') phase = 'paused';
      await loop;
    },
    step: () => (loop === undefined ? begin(1) : Promise.resolve()),
    exportWeights: (what) =>
      between(async () => {
        const named = Object.entries(await downloadTree(trainer.params()));
        const chosen = what === 'model' ? named : named.filter(([path]) => !isDecoder(path));
        return encodeSafetensors(
          Object.fromEntries(chosen),
          modelNotes(describeCheckpoint(trainer, run.config, settings)),
        );
      }),
  };
}

/** What stands beside exported weights: enough to use them without asking for heads or image size. */
function modelNotes(info: CheckpointInfo): Record<string, string> {
  return { format: 'pt', [ARCHITECTURE_NOTE]: JSON.stringify({ ...info, extra: null }) };
}

async function liveImages(
  { heldOut }: Pictures,
  settings: PretrainSettings,
): Promise<{ values: Float32Array; count: number }> {
  for await (const batch of shown(spread(heldOut, LIVE), settings, LIVE)) {
    const [count, , , channels] = batch.shape;
    return { values: normalisedImages(batch, channels), count };
  }
  throw new Error('there is no picture to show');
}

function reasonOf(error: unknown): FailureReason {
  if (error instanceof DivergenceError) return 'diverged';
  if (error instanceof GpuMemoryError || error instanceof RangeError) return 'out of memory';
  return error instanceof GpuLostError ? 'device lost' : 'error';
}
