import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { sourceName } from '../data/source.js';
import { megabytes, storageUnavailable } from '../keep/private-files.js';
import { removeRun } from '../keep/run-store.js';
import { message, openRun, phase, refreshRuns, resumeRun, run, runs, step, trainer } from './session.js';
import { ago } from './words.js';

const storage = signal<StorageEstimate | undefined>(undefined);

/** Runs that are kept, weights in and out. */
export function KeepPanel(): VNode {
  useEffect(() => {
    void refreshRuns();
    void navigator.storage?.estimate().then((estimate) => {
      storage.value = estimate;
    });
  }, []);
  return (
    <div class="panel-grid keep">
      <Runs />
      <Out />
      <In />
    </div>
  );
}

function Runs(): VNode {
  const refusal = storageUnavailable();
  const { usage, quota } = storage.value ?? {};
  return (
    <fieldset class="wide">
      <legend>Runs in this browser</legend>
      {refusal !== undefined && <p class="bad">{refusal}</p>}
      {runs.value.length === 0 && refusal === undefined && (
        <p>None yet. A run is kept every 20 seconds, and when it pauses.</p>
      )}
      <ul class="runs">
        {runs.value.map((stored) => (
          <li key={stored.id} class={stored.id === run.value?.id ? 'open' : ''}>
            <div>
              <b>
                {stored.settings.model.preset} on {sourceName(stored.source)}
              </b>
              <small>
                step {stored.step.toLocaleString('en')} of {stored.totalSteps.toLocaleString('en')}, loss{' '}
                {Number(stored.loss).toFixed(3)}, {ago(stored.updated)}
              </small>
            </div>
            {stored.id === run.value?.id ? (
              <span class="tag">open</span>
            ) : (
              <span class="buttons">
                <button
                  type="button"
                  disabled={phase.value === 'training'}
                  onClick={() => void resumeRun(stored)}
                >
                  Resume
                </button>
                <button
                  type="button"
                  class="quiet"
                  onClick={() => void removeRun(stored.id).then(refreshRuns)}
                >
                  Delete
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
      {usage !== undefined && quota !== undefined && (
        <p class="hint">
          {megabytes(usage)} of {megabytes(quota)} that this browser allows are used.
        </p>
      )}
    </fieldset>
  );
}

function Out(): VNode {
  const disabled = run.value === undefined;
  return (
    <fieldset>
      <legend>Take it with you</legend>
      <p>Safetensors under the reference's names: PyTorch, timm and the maehem command read them.</p>
      <div class="buttons">
        <button type="button" disabled={disabled} onClick={() => void save('model')}>
          Export the model
        </button>
        <button type="button" disabled={disabled} onClick={() => void save('encoder')}>
          Export the encoder
        </button>
      </div>
    </fieldset>
  );
}

function In(): VNode {
  return (
    <fieldset>
      <legend>Start from a checkpoint</legend>
      <p>
        Safetensors or a PyTorch .pth, of the shape that the settings say; a missing decoder starts fresh.
      </p>
      <span class="pick">
        <input
          id="pick-weights"
          type="file"
          accept=".safetensors,.pth,.pt,.bin"
          disabled={phase.value === 'training'}
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file !== undefined) void openRun({ start: { file, name: file.name } });
            event.currentTarget.value = '';
          }}
        />
        <label for="pick-weights">Choose a file</label>
      </span>
    </fieldset>
  );
}

async function save(what: 'model' | 'encoder'): Promise<void> {
  try {
    const bytes = await trainer().exportWeights(what);
    const url = URL.createObjectURL(
      new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'application/octet-stream' }),
    );
    const link = document.createElement('a');
    link.href = url;
    link.download = `maehem-${run.value!.settings.model.preset}-${what}-step-${step.value}.safetensors`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    message.value = { kind: 'alarm', text: (error as Error).message };
  }
}
