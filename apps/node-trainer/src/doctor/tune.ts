import { gpuEngine, openBackend } from '@maehem/backend';
import type { TunedKernel, TuneOptions, TuneProgress } from '@maehem/kernels';
import {
  classifierConfig,
  type FinetuneSettings,
  finetuneConfig,
  type PretrainSettings,
  pretrainConfig,
  recomputeEvery,
} from '@maehem/settings';
import { type TrainingTuning, tuneFinetuning, tunePretraining, vitConfigOf } from '@maehem/train';
import * as tf from '@tensorflow/tfjs-core';
import { openOptions } from '../config/open.js';
import { keepTuning, readTuning, tuningFile } from '../config/tuning.js';
import { onInterrupt } from '../interrupt.js';
import { openPretrained } from '../pretrained-source.js';
import { tuningProgress } from './tuning-progress.js';

export interface TuneRequest {
  /** Of the run that it is for. */
  readonly run: { readonly pretrain: PretrainSettings } | { readonly finetune: FinetuneSettings };
  readonly minutes: number;
  /** Measure again what was measured before. */
  readonly afresh: boolean;
}

/** What was found, and where it is kept. */
export interface TuningReport extends TrainingTuning {
  readonly device: string;
  readonly file: string;
}

/**
 * Measure the tiles of a training step's kernels, and keep the best for this GPU, one after the other: what is known
 * when time is over, or at Ctrl-C, is kept.
 */
export async function tune({ run, minutes, afresh }: TuneRequest): Promise<TuningReport> {
  const settings = 'pretrain' in run ? run.pretrain : run.finetune;
  const backend = await openBackend('webgpu', openOptions(settings));
  const gpu = gpuEngine(tf.backend());
  const file = tuningFile(gpu);
  const kept = await readTuning(file, gpu);
  const progress = tuningProgress();
  progress.note(`tuning for ${backend.description}, at most ${minutes} minutes`);
  if (typeof kept === 'string') progress.note(`all of it again: ${kept}`);
  const abort = new AbortController();
  const interrupt = onInterrupt(() => {
    progress.note('stopping; what was measured is kept. Press Ctrl-C again to exit at once');
    abort.abort();
  });
  try {
    progress.note('one step is done op by op, to see its kernels');
    const outcome = await tuneStep(run, {
      recompute: recomputeEvery(settings.recompute),
      seconds: 60 * minutes,
      signal: abort.signal,
      ...(typeof kept === 'object' && !afresh ? { known: kept } : {}),
      progress: (told: TuneProgress) => progress.update(told),
      keep: (tuning) => keepTuning(file, gpu, tuning),
    });
    return { ...outcome, device: backend.description, file };
  } finally {
    interrupt.release();
    progress.stop();
  }
}

/** Labels are not looked at: the head's product is a small part of a step. */
const CLASSES = 1000;

async function tuneStep(
  run: TuneRequest['run'],
  options: TuneOptions & { readonly recompute: number },
): Promise<TrainingTuning> {
  if ('pretrain' in run) return tunePretraining(pretrainConfig(run.pretrain), options);
  const { from, model } = run.finetune;
  const source = from === null ? undefined : await openPretrained(from, { heads: model.heads });
  const encoder = source && vitConfigOf(source.model);
  await source?.model.close();
  const classifier = classifierConfig(run.finetune, CLASSES, encoder);
  return tuneFinetuning(finetuneConfig(run.finetune, classifier), options);
}

/** The report for people. */
export function tuningText({ kernels, before, missing, ended, step, file }: TuningReport): string {
  const changed = kernels.filter((kernel) => kernel.changed).length;
  return [
    `${kernels.length} kernels measured, ${changed} of them faster in another way than usual`,
    ...(before > 0 ? [`${before} were measured before; --afresh measures them again`] : []),
    ...(missing > 0 ? [`${missing} not measured: ${ended}; the same command goes on from here`] : []),
    ...(step === undefined
      ? []
      : [
          `a step: ${milliseconds(step.usualMs)} as usual, ${milliseconds(step.ms)} tuned (${percentOf(step)}), faster in ${step.faster} of ${step.rounds} rounds`,
        ]),
    ...(kernels.length > 0 ? [`kept in ${file}`] : []),
  ].join('\n');
}

/** One line for a kernel: its part of the step, its time as usual and now. */
export function kernelLine({ name, share, usualMs, ms, choice, changed, wrong }: TunedKernel): string {
  const doubt = wrong === 0 ? '' : `; ${wrong} faster ways gave other results and were left out`;
  const found = changed
    ? `${milliseconds(usualMs)} → ${milliseconds(ms)} with ${choice} (${percentOf({ usualMs, ms })})`
    : `${milliseconds(usualMs)}, as usual (${choice})`;
  return `${(100 * share).toFixed(1).padStart(5)} %  ${name}: ${found}${doubt}`;
}

function milliseconds(ms: number): string {
  return `${ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3)} ms`;
}

function percentOf({ usualMs, ms }: { readonly usualMs: number; readonly ms: number }): string {
  const percent = 100 * (ms / usualMs - 1);
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(0)} %`;
}
