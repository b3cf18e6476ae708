import { MODEL_PRESETS, pretrainConfig } from '@maehem/settings';
import { threadsUnavailable } from '@maehem/train/browser';
import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { megabytes } from '../keep/private-files.js';
import { engineToCome } from '../trainer/offers.js';
import { change, changes, draft, drafted, shareUrl } from './draft.js';
import { estimate } from './estimate.js';
import { Choice, Field, NumberField, Switch } from './fields.js';
import { executionOn, memoryWarnings } from './memory-warnings.js';
import { draftDiffers, engine, offers, openRun, phase } from './session.js';
import { Tiles } from './tiles.js';
import { count } from './words.js';

const shared = signal('');

/** Everything that a run can be told, and what that costs. */
export function SettingsPanel(): VNode {
  return (
    <div class="panel-grid">
      <fieldset>
        <legend>Model</legend>
        <Choice
          path="model.preset"
          label="Preset"
          options={MODEL_PRESETS}
          onPick={() => change('model', { preset: drafted('model.preset') })}
        />
        <NumberField
          path="model.imageSize"
          label="Image size"
          unit="px"
          min={8}
          step={4}
          fallback={(config) => config.model.imageSize[0]}
        />
        <NumberField
          path="model.patchSize"
          label="Patch size"
          unit="px"
          min={1}
          step={1}
          fallback={(config) => config.model.patchSize[0]}
        />
        <Choice
          path="model.channels"
          label="Colour"
          options={[1, 3]}
          names={['grey', 'colour']}
          fallback={(config) => config.model.channels}
        />
        <NumberField
          path="model.dim"
          label="Encoder width"
          min={4}
          step={4}
          fallback={(config) => config.model.dim}
        />
        <NumberField
          path="model.depth"
          label="Encoder depth"
          unit="blocks"
          min={1}
          fallback={(config) => config.model.depth}
        />
        <NumberField path="model.heads" label="Heads" min={1} fallback={(config) => config.model.heads} />
        <NumberField
          path="model.decoderDepth"
          label="Decoder depth"
          unit="blocks"
          min={1}
          fallback={(config) => config.model.decoderDepth}
        />
      </fieldset>
      <fieldset>
        <legend>Destruction</legend>
        <NumberField path="mask.ratio" label="Mask ratio" min={0.05} max={0.95} step={0.05} slider />
        <Choice path="mask.strategy" label="Strategy" options={['random', 'block', 'grid']} />
        <Switch path="normPix" label="Predict normalised patches" />
        <Switch path="lossOnAllPatches" label="Score visible patches too" />
        <Switch path="augment.crop" label="Random crops" />
        <Switch path="augment.flip" label="Horizontal flips" />
      </fieldset>
      <fieldset>
        <legend>Training</legend>
        <NumberField path="batch" label="Batch" unit="images" min={1} />
        <Choice
          path="recompute"
          label="Activations"
          options={['none', 'all']}
          names={['kept', 'computed twice']}
        />
        <Precision />
        <Threads />
        <Tiles />
        <NumberField path="accumulate" label="Batches a step" min={1} />
        <NumberField path="epochs" label="Epochs" min={0.1} step={1} />
        <NumberField path="optimizer.baseLr" label="Learning rate, batch 256" min={0.00001} step={0.001} />
        <NumberField path="optimizer.warmupEpochs" label="Warm-up" unit="epochs" min={0} step={0.1} />
        <NumberField path="optimizer.weightDecay" label="Weight decay" min={0} step={0.01} />
        <NumberField path="optimizer.clipNorm" label="Clip gradients at" min={0.01} step={0.1} optional />
        <NumberField path="seed" label="Seed" min={0} />
      </fieldset>
      <Cost />
    </div>
  );
}

/** Half precision, where the adapter has it. */
function Precision(): VNode {
  const refusal = engineToCome(engine.value, offers.value)?.withoutHalf;
  return (
    <>
      <Choice
        path="precision"
        label="Precision"
        options={['f32', 'f16']}
        names={['float32', 'float16']}
        refused={refusal === undefined ? [] : ['f16']}
      />
      {refusal !== undefined && <p class="hint">No float16: {refusal}.</p>}
    </>
  );
}

/** Threads, where this page can have some; they are wasm's and cpu's, WebGPU needs none. */
function Threads(): VNode {
  const refusal = threadsUnavailable();
  if (refusal === undefined) return <NumberField path="threads" label="Threads" unit="on wasm" min={1} />;
  return <p class="hint">wasm trains in one thread: {refusal}.</p>;
}

/** What the draft costs, or why it does not hold. */
function Cost(): VNode {
  const { settings, error } = draft.value;
  return (
    <aside class="cost" aria-label="What these settings cost">
      {settings === undefined ? (
        <p class="bad" role="alert">
          {error}
        </p>
      ) : (
        <CostTable />
      )}
      <div class="buttons">
        <button
          type="button"
          class="primary"
          disabled={settings === undefined || !draftDiffers.value || phase.value === 'training'}
          onClick={() => void openRun()}
        >
          Open a run with these
        </button>
        <button
          type="button"
          disabled={Object.keys(changes.value).length === 0}
          onClick={() => (changes.value = {})}
        >
          Back to the recipe
        </button>
        <button
          type="button"
          onClick={() => {
            const url = shareUrl(location.href);
            void navigator.clipboard?.writeText(url).catch(() => {});
            shared.value = url;
          }}
        >
          Share by link
        </button>
      </div>
      {shared.value !== '' && (
        <Field label="Copied. The link holds the settings, and no picture." id="share-url">
          <input
            id="share-url"
            readOnly
            value={shared.value}
            onFocus={(event) => event.currentTarget.select()}
          />
        </Field>
      )}
    </aside>
  );
}

function CostTable(): VNode {
  const settings = draft.value.settings!;
  const config = pretrainConfig(settings);
  const offer = engineToCome(engine.value, offers.value);
  const cost = estimate(config, executionOn(offer, settings));
  return (
    <>
      <dl class="costs">
        <div>
          <dt>Parameters</dt>
          <dd class="figure">{count(cost.parameters)}</dd>
        </div>
        <div>
          <dt>of them encoder</dt>
          <dd class="figure">{count(cost.encoderParameters)}</dd>
        </div>
        <div>
          <dt>A step</dt>
          <dd class="figure">{count(cost.stepFlops)}FLOP</dd>
        </div>
        <div>
          <dt>Memory, at most</dt>
          <dd class="figure">{megabytes(cost.memoryBytes)}</dd>
        </div>
        <div>
          <dt>Largest tensor</dt>
          <dd class="figure">{megabytes(cost.largestTensorBytes)}</dd>
        </div>
        <div>
          <dt>Learning rate in effect</dt>
          <dd class="figure">
            {((config.optimizer.baseLr * config.batch * config.accumulate) / 256).toExponential(1)}
          </dd>
        </div>
      </dl>
      {memoryWarnings(settings, offer).map((warning) => (
        <p key={warning} class="bad" role="status">
          {warning}
        </p>
      ))}
    </>
  );
}
