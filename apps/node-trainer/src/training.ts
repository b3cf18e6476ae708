import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GpuLostError, type TensorTree } from '@maehem/backend';
import { DivergenceError, type RunLength, type StepReport, type TrainingRun } from '@maehem/train';
import { latestCheckpoint } from '@maehem/train/node';
import type { TrainingImages } from './data-source.js';
import { onInterrupt } from './interrupt.js';
import { duration, megabytes, type Progress } from './progress.js';
import type { RunLog } from './run-log.js';

/** A run, and what goes on around it. */
export interface Training<Config extends RunLength, Params extends TensorTree, Batch extends TensorTree> {
  readonly run: TrainingRun<Config, Params, Batch>;
  readonly out: string;
  /** In epochs. */
  readonly checkpointEvery: number;
  readonly images: TrainingImages;
  readonly log: RunLog;
  readonly progress: Progress;
  /** Writes a checkpoint, and what goes with it; returns its path. */
  readonly save: () => Promise<string>;
  /** Called after each step but the last, between the step's line in the log and the next step. */
  readonly afterStep?: (report: StepReport) => Promise<void>;
}

/** How a run ended. */
export interface TrainingOutcome {
  readonly checkpoint: string;
  readonly interrupted: boolean;
  readonly finalLoss: number;
}

/**
 * Train to the end or to Ctrl-C: metrics, progress, checkpoints as they fall due, and one at the end. A loss that
 * explodes leaves `diverged.json`.
 */
export async function trainToEnd<
  Config extends RunLength,
  Params extends TensorTree,
  Batch extends TensorTree,
>(training: Training<Config, Params, Batch>): Promise<TrainingOutcome> {
  const { run, out, images, log, progress, save, afterStep } = training;
  const interrupt = onInterrupt(() =>
    progress.note('stopping after this step; press Ctrl-C again to exit at once'),
  );
  const started = performance.now();
  const checkpointDue = everyEpochs(training.checkpointEvery, run);
  let loss = Number.NaN;
  let firstStep = true;
  try {
    for await (const report of run.steps(images.epochs)) {
      loss = report.loss;
      log.step(report);
      progress.update(report);
      if (firstStep) tellFirstStep((performance.now() - started) / 1000, progress);
      firstStep = false;
      if (interrupt.requested()) break;
      const last = report.step === report.totalSteps;
      if (!last) await afterStep?.(report);
      if (checkpointDue(report) && !last) await save();
    }
  } catch (error) {
    if (error instanceof DivergenceError)
      await writeFile(
        join(out, 'diverged.json'),
        `${JSON.stringify({ ...error.report, config: run.config }, null, 2)}\n`,
      );
    throw error instanceof GpuLostError ? await whereToGoOn(error, out) : error;
  } finally {
    interrupt.release();
  }
  const interrupted = run.trainer.stepIndex < run.totalSteps;
  const checkpoint = await save();
  await log.curve();
  progress.note(
    `${interrupted ? 'interrupted' : 'trained'} in ${duration((performance.now() - started) / 1000)}; peak memory ${megabytes(process.resourceUsage().maxRSS * 1024)}; saved ${checkpoint}`,
  );
  if (images.skipped() > 0) progress.note(`left out   ${images.skipped()} bad images`);
  return { checkpoint, interrupted, finalLoss: loss };
}

/** A step is recorded once, and compiled by engines that compile: whoever waits should know that it is over. */
function tellFirstStep(seconds: number, progress: Progress): void {
  if (seconds >= 1)
    progress.note(`first step ${seconds.toFixed(1)} s: it was recorded and compiled; the others replay it`);
}

/** The GPU took the weights along: the run goes on from a file. */
async function whereToGoOn(error: GpuLostError, out: string): Promise<Error> {
  const checkpoint = await latestCheckpoint(join(out, 'checkpoints'));
  return new Error(
    checkpoint === undefined
      ? `${error.message}; no checkpoint was due yet, the run starts anew`
      : `${error.message}; run the same command with --resume to go on from ${checkpoint}`,
    { cause: error },
  );
}

/** Tells the steps at which something falls due that comes every so many epochs. */
export function everyEpochs(
  epochs: number,
  {
    trainer,
    stepsPerEpoch,
  }: { readonly trainer: { readonly stepIndex: number }; readonly stepsPerEpoch: number },
): (report: StepReport) => boolean {
  let last = Math.floor(trainer.stepIndex / stepsPerEpoch / epochs);
  return ({ epoch }) => {
    const due = Math.floor(epoch / epochs);
    const isDue = due > last;
    last = due;
    return isDue;
  };
}
