import type { BackendName } from '@maehem/backend';
import type { TuneProgress } from '@maehem/kernels';
import { computed, signal } from '@preact/signals';
import * as comlink from 'comlink';
import { storageUnavailable } from '../keep/private-files.js';
import { listRuns, type StoredRun } from '../keep/run-store.js';
import { emptyHistory, type History, note } from '../trainer/history.js';
import type {
  EngineOffer,
  FailureReason,
  Guess,
  Phase,
  RunSummary,
  StepTold,
  TrainerApi,
  TrainerEvent,
  TuneResult,
} from '../trainer/protocol.js';
import { draft, draftOf, readUrl, source } from './draft.js';

/** What a person should know; `alarm` interrupts, `note` waits. */
export interface Message {
  readonly kind: 'alarm' | 'note';
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Something went wrong with a run. */
export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
  readonly keptStep: number | undefined;
}

export const engine = signal<BackendName | 'auto'>('auto');
export const offers = signal<readonly EngineOffer[]>([]);
export const run = signal<RunSummary | undefined>(undefined);
export const opening = signal<string | undefined>('Opening');
export const phase = signal<Phase>('ready');
export const latest = signal<StepTold | undefined>(undefined);
export const imagesPerSecond = signal(0);
export const memory = signal<{ tensorBytes: number; heapBytes: number | undefined } | undefined>(undefined);
export const pictures = signal<{ step: number; pictures: readonly Guess[] } | undefined>(undefined);
export const kept = signal<{ step: number; bytes: number; at: number } | undefined>(undefined);
export const failure = signal<Failure | undefined>(undefined);
export const message = signal<Message | undefined>(undefined);
/** How far the GPU's measuring is, while it goes on. */
export const tuning = signal<TuneProgress | 'begins' | undefined>(undefined);
export const runs = signal<readonly StoredRun[]>([]);
/** The chart's data; the number changes when it does. */
export const history: { current: History } = { current: emptyHistory() };
export const historyVersion = signal(0);

export const step = computed(() => latest.value?.step ?? run.value?.step ?? 0);
/** Seconds that are left at the present speed. */
export const remaining = computed(() => {
  const { value } = run;
  if (value === undefined || imagesPerSecond.value === 0) return Number.NaN;
  const { batch, accumulate } = value.settings;
  return ((value.totalSteps - step.value) * batch * accumulate) / imagesPerSecond.value;
});
/** Does the draft ask for another run than the open one? */
export const draftDiffers = computed(() => {
  const { value } = run;
  if (value === undefined) return false;
  return (
    JSON.stringify(draft.value.settings) !== JSON.stringify(value.settings) ||
    JSON.stringify(source.value) !== JSON.stringify(value.source)
  );
});

let worker: Worker | undefined;
let remote: comlink.Remote<TrainerApi> | undefined;

/** The worker of the open run. @throws while there is none. */
export function trainer(): comlink.Remote<TrainerApi> {
  if (remote === undefined) throw new Error('no run is open yet');
  return remote;
}

function freshWorker(): comlink.Remote<TrainerApi> {
  worker?.terminate();
  worker = new Worker(new URL('../trainer/worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('error', (event) => {
    failed({
      reason: 'error',
      message: event.message || 'the training worker stopped',
      keptStep: kept.value?.step,
    });
  });
  remote = comlink.wrap<TrainerApi>(worker);
  return remote;
}

/** What to open beside the draft. */
export interface OpenOptions {
  readonly resume?: string;
  readonly start?: { readonly file: Blob; readonly name: string };
}

/** Open a run: a kept one, or a fresh one as the draft says. The one that is open is paused and kept first. */
export async function openRun({ resume, start }: OpenOptions = {}): Promise<boolean> {
  const { settings, error } = draft.value;
  if (tuning.value !== undefined) {
    message.value = { kind: 'alarm', text: 'The GPU is being measured: wait for it, or cancel it first.' };
    return false;
  }
  if (resume === undefined && settings === undefined) {
    message.value = { kind: 'alarm', text: error! };
    return false;
  }
  if (phase.value === 'training' && failure.value === undefined) await trainer().pause();
  reset(resume === undefined ? 'Opening the pictures and the engine' : 'Opening the kept run');
  const worker = freshWorker();
  try {
    offers.value = await worker.engines();
    const summary = await worker.open(
      {
        ...{ site: document.baseURI, source: source.value, engine: engine.value },
        settings: (settings ?? {}) as never,
        ...(resume === undefined ? {} : { resume }),
        ...(start === undefined ? {} : { start }),
      },
      comlink.proxy(hear),
    );
    history.current = summary.history;
    historyVersion.value++;
    run.value = summary;
    phase.value = summary.step >= summary.totalSteps ? 'finished' : summary.step > 0 ? 'paused' : 'ready';
    if (summary.notes.length > 0) message.value = { kind: 'note', text: summary.notes.join('. ') };
    return true;
  } catch (error) {
    message.value = { kind: 'alarm', text: (error as Error).message };
    return false;
  } finally {
    opening.value = undefined;
  }
}

function reset(why: string): void {
  opening.value = why;
  for (const each of [run, latest, memory, pictures, kept, failure, message]) each.value = undefined;
  imagesPerSecond.value = 0;
  phase.value = 'ready';
  history.current = emptyHistory();
  historyVersion.value++;
}

function hear(event: TrainerEvent): void {
  switch (event.type) {
    case 'steps': {
      for (const told of event.steps) note(history.current, told);
      historyVersion.value++;
      latest.value = event.steps.at(-1) ?? latest.value;
      if (event.imagesPerSecond > 0) {
        const before = imagesPerSecond.value;
        imagesPerSecond.value =
          before === 0 ? event.imagesPerSecond : 0.8 * before + 0.2 * event.imagesPerSecond;
      }
      memory.value = event.memory;
      return;
    }
    case 'pictures':
      pictures.value = event;
      return;
    case 'phase':
      phase.value = event.phase;
      return;
    case 'kept':
      kept.value = event;
      return void refreshRuns();
    case 'not-kept':
      message.value = { kind: 'alarm', text: `The run goes on, but it could not be kept: ${event.message}` };
      return;
    case 'slept':
      message.value = {
        kind: 'note',
        text: `One step took ${Math.round(event.seconds)} s: the tab or the machine slept. Nothing is lost.`,
      };
      return;
    case 'failed':
      failed(event);
  }
}

function failed(found: Failure): void {
  failure.value = found;
  phase.value = 'paused';
}

export function start(): void {
  void trainer().start();
}

export async function pause(): Promise<void> {
  await trainer().pause();
}

export async function oneStep(): Promise<void> {
  await trainer().step();
}

/** End a run: pause, keep it, and set up a fresh one. */
export async function stop(): Promise<void> {
  await trainer().pause();
  await openRun();
}

/** Go on from the last kept step, after the engine failed, on the same engine or another. */
export async function recover(on: BackendName | 'auto'): Promise<void> {
  const id = run.value?.id;
  const resumable = failure.value?.keptStep !== undefined && id !== undefined;
  phase.value = 'ready';
  engine.value = on;
  if (await openRun(resumable ? { resume: id } : {})) start();
}

/**
 * Measure the GPU for steps of the open run, and open the run again with what was found. A worker of its own does it:
 * with the run's still there, a large model might find no room.
 */
export async function tune(): Promise<void> {
  const { value } = run;
  if (value === undefined) return;
  if (phase.value === 'training') await trainer().pause();
  const again = resumable(value, step.value);
  reset('Measuring the GPU');
  tuning.value = 'begins';
  let told: Message;
  try {
    const request = { site: document.baseURI, settings: value.settings, engine: value.engine };
    const result = await freshWorker().tune(
      request,
      comlink.proxy((progress: TuneProgress) => {
        tuning.value = progress;
      }),
    );
    told = { kind: 'note', text: tuningInWords(result) };
  } catch (error) {
    told = { kind: 'alarm', text: `The GPU could not be measured: ${(error as Error).message}` };
  } finally {
    tuning.value = undefined;
  }
  await openRun(again);
  message.value = told;
}

/** End measuring; what is known by then is kept. */
export function stopTuning(): void {
  void trainer().stopTuning();
}

/** Go back to the usual tiles. */
export async function forgetTuning(): Promise<void> {
  const { value } = run;
  if (value === undefined) return;
  await trainer().forgetTuning();
  await openRun(resumable(value, step.value));
}

/** How to open a run again: it is kept once it has made a step. */
function resumable({ id }: RunSummary, at: number): OpenOptions {
  return at > 0 ? { resume: id } : {};
}

function tuningInWords({ kernels, changed, missing, ended, step }: TuneResult): string {
  const gain =
    step === undefined
      ? ''
      : ` A step took ${step.usualMs.toFixed(1)} ms, and takes ${step.ms.toFixed(1)} ms now (faster in ${step.faster} of ${step.rounds} rounds).`;
  const rest = missing === 0 ? '' : ` ${missing} are left (${ended}): tune again to go on from there.`;
  return `${kernels} kernels were measured, ${changed} of them are faster in another way than usual.${gain}${rest}`;
}

export async function refreshRuns(): Promise<void> {
  if (storageUnavailable() === undefined) runs.value = await listRuns();
}

/** Open what an address asks for; else the run that was open last; else the digits. */
export async function firstRun(): Promise<void> {
  await refreshRuns().catch(() => {});
  const asked = readUrl(location.hash);
  if (asked) window.history.replaceState(undefined, '', location.pathname + location.search);
  const last = runs.value[0];
  if (!asked && last !== undefined && (await resumeRun(last))) return;
  const problem = message.value;
  await openRun();
  if (problem !== undefined) message.value = problem;
}

/** Go on with a kept run; the draft becomes its settings. */
export async function resumeRun(stored: StoredRun): Promise<boolean> {
  const opened = await openRun({ resume: stored.id });
  if (opened) draftOf(stored.settings, stored.source);
  return opened;
}
