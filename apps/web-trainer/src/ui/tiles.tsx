import type { VNode } from 'preact';
import { storageUnavailable } from '../keep/private-files.js';
import { forgetTuning, opening, phase, run, stopTuning, tune, tuning } from './session.js';
import { ago, duration, percent } from './words.js';

/** On WebGPU: measure the GPU, and what came of it. Nothing is measured unless somebody asks. */
export function Tiles(): VNode | null {
  if (tuning.value !== undefined) return <Measuring />;
  if (run.value?.engine !== 'webgpu') return null;
  const refusal = storageUnavailable();
  if (refusal !== undefined) return <p class="hint">The GPU cannot be tuned for: {refusal}.</p>;
  const { tiles } = run.value;
  const busy = phase.value === 'training' || opening.value !== undefined;
  return (
    <div class="tiles">
      <div class="buttons">
        <button type="button" disabled={busy} onClick={() => void tune()}>
          {tiles === undefined ? 'Tune for this GPU' : 'Tune again'}
        </button>
        {tiles !== undefined && (
          <button type="button" class="quiet" disabled={busy} onClick={() => void forgetTuning()}>
            Forget
          </button>
        )}
      </div>
      <p class="hint">
        {tiles === undefined
          ? 'Measures for at most two minutes how this GPU does the products of a step best, for this run and later ones.'
          : `This GPU was measured ${ago(tiles.at)}: ${tiles.kernels} kernels, ${tiles.tuned} of them not as usual.`}
      </p>
    </div>
  );
}

function Measuring(): VNode {
  const { value } = tuning;
  const progress = value === 'begins' ? undefined : value;
  return (
    <div class="tiles">
      <progress max={1} value={progress?.done ?? 0} aria-label="Part of a step that is measured" />
      <p class="hint">
        {progress === undefined
          ? 'Measuring the GPU'
          : `${percent(progress.done)} of a step measured, ${duration(progress.secondsLeft)} left. ${progress.kernel}: ${progress.doing}`}
      </p>
      <div class="buttons">
        <button type="button" onClick={stopTuning}>
          Cancel
        </button>
      </div>
    </div>
  );
}
