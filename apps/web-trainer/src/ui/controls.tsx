import type { VNode } from 'preact';
import { megabytes } from '../keep/private-files.js';
import {
  draftDiffers,
  failure,
  imagesPerSecond,
  kept,
  latest,
  memory,
  oneStep,
  opening,
  openRun,
  pause,
  phase,
  recover,
  remaining,
  run,
  start,
  step,
  stop,
} from './session.js';
import { ago, count, duration } from './words.js';

/** Start, pause, step, stop; and where the run is. */
export function Controls(): VNode {
  return (
    <section class="controls" aria-label="Training">
      <Buttons />
      <Progress />
      <Readouts />
    </section>
  );
}

function Buttons(): VNode {
  const training = phase.value === 'training';
  const ready = run.value !== undefined && opening.value === undefined && failure.value === undefined;
  const finished = phase.value === 'finished';
  return (
    <div class="buttons">
      {training ? (
        <button type="button" class="primary" onClick={() => void pause()}>
          <span aria-hidden="true" class="icon-pause" /> Pause
        </button>
      ) : (
        <button type="button" class="primary" disabled={!ready || finished} onClick={start}>
          <span aria-hidden="true" class="icon-play" />{' '}
          {step.value === 0 ? 'Start' : finished ? 'Finished' : 'Go on'}
        </button>
      )}
      <button type="button" disabled={!ready || training || finished} onClick={() => void oneStep()}>
        Step
      </button>
      <button type="button" disabled={!ready || step.value === 0} onClick={() => void stop()}>
        Stop, new run
      </button>
      {draftDiffers.value && !training && (
        <button type="button" class="apply" onClick={() => void openRun()}>
          Open a run with the changes
        </button>
      )}
    </div>
  );
}

function Progress(): VNode {
  const total = run.value?.totalSteps ?? 1;
  return (
    <div class="progress">
      <progress max={total} value={step.value} aria-label="Steps done" />
    </div>
  );
}

function Readouts(): VNode {
  const told = latest.value;
  return (
    <dl class="readouts">
      <Readout
        name="step"
        value={step.value.toLocaleString('en')}
        unit={`of ${(run.value?.totalSteps ?? 0).toLocaleString('en')}`}
        id="step"
      />
      <Readout
        name="loss"
        value={told === undefined ? '–' : told.loss.toFixed(4)}
        unit={told === undefined ? '' : `gradient ${told.gradNorm.toFixed(2)}`}
        id="loss"
      />
      <Readout
        name="speed"
        value={imagesPerSecond.value === 0 ? '–' : count(Math.round(imagesPerSecond.value))}
        unit="images/s"
        id="speed"
      />
      <Readout
        name="left"
        value={duration(remaining.value)}
        unit={told === undefined ? '' : `epoch ${told.epoch.toFixed(1)}`}
        id="left"
      />
      <Readout
        name="rate"
        value={told === undefined ? '–' : told.lr.toExponential(1)}
        unit="learning rate"
        id="rate"
      />
      <Readout
        name="memory"
        value={
          memory.value === undefined ? '–' : megabytes(memory.value.heapBytes ?? memory.value.tensorBytes)
        }
        unit={heapName()}
        id="memory"
      />
    </dl>
  );
}

/** What the memory's figure is of: every thread has an engine of its own. */
function heapName(): string {
  if (memory.value?.heapBytes === undefined) return 'tensors';
  const threads = run.value?.threads ?? 1;
  return threads > 1 ? `heap, one of ${threads}` : 'engine heap';
}

function Readout({
  name,
  value,
  unit,
  id,
}: {
  name: string;
  value: string;
  unit: string;
  id: string;
}): VNode {
  return (
    <div class="readout">
      <dt>{name}</dt>
      <dd>
        <span id={`readout-${id}`} class="figure">
          {value}
        </span>{' '}
        <small>{unit}</small>
      </dd>
    </div>
  );
}

/** What went wrong, and the ways on. */
export function FailureNotice(): VNode | null {
  const { value } = failure;
  if (value === undefined) return null;
  const { reason, keptStep } = value;
  const back =
    keptStep === undefined
      ? 'from the start'
      : `from step ${keptStep.toLocaleString('en')}, the last that was kept`;
  const engine = run.value?.engine;
  return (
    <div class="notice alarm" role="alert">
      <strong>{TITLES[reason]}</strong>
      <p>
        {value.message} {ADVICE[reason]}
      </p>
      <div class="buttons">
        <button type="button" class="primary" onClick={() => void recover('auto')}>
          Go on {back}
        </button>
        {engine === 'webgpu' && (
          <button type="button" onClick={() => void recover('wasm')}>
            Go on with wasm
          </button>
        )}
      </div>
    </div>
  );
}

const TITLES = {
  'device lost': 'The GPU went away.',
  'out of memory': 'There is not enough memory.',
  diverged: 'Training diverged.',
  error: 'Training stopped.',
} as const;

const ADVICE = {
  'device lost':
    'Its driver was reset, the machine slept, or another program took it. The run itself is safe.',
  'out of memory': 'Lower the batch, the width or the image size under “Settings”, and open a new run.',
  diverged: '',
  error: '',
} as const;

/** Whether, and how, the run is kept. */
export function KeptLine(): VNode | null {
  const { value } = kept;
  if (value === undefined) return null;
  return (
    <p class="kept">
      Kept in this browser at step {value.step.toLocaleString('en')} ({megabytes(value.bytes)}),{' '}
      {ago(value.at)}.
    </p>
  );
}
