import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { sourceName } from '../data/source.js';
import { LossChart } from './chart.js';
import { Controls, FailureNotice, KeptLine } from './controls.js';
import { DataPanel } from './data-panel.js';
import { Header } from './header.js';
import { KeepPanel } from './keep-panel.js';
import { LookPanel } from './look-panel.js';
import { message, phase, run, step } from './session.js';
import { SettingsPanel } from './settings-panel.js';
import { Stage } from './stage.js';
import { Tabs } from './tabs.js';
import { ago } from './words.js';

const TABS = [
  { id: 'look', name: 'Look inside', panel: LookPanel },
  { id: 'data', name: 'Pictures', panel: DataPanel },
  { id: 'settings', name: 'Settings', panel: SettingsPanel },
  { id: 'keep', name: 'Keep', panel: KeepPanel },
] as const;

const chosen = signal('look');

/** The whole page. */
export function App(): VNode {
  return (
    <>
      <a class="skip" href="#main">
        Skip to training
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <div class="hall">
          <div class="lead">
            <h1>
              Destroy <em>three quarters</em> of every image. Learn to see.
            </h1>
            <p class="about">
              A masked autoencoder hides most of each picture from itself and learns to fill in the rest.{' '}
              <RunLine />
            </p>
            <FailureNotice />
            <Notice />
            <Controls />
            <LossChart />
            <KeptLine />
          </div>
          <Stage />
        </div>
        <Tabs tabs={TABS} chosen={chosen} label="Workshop" />
      </main>
      <p class="announce" role="status">
        {ANNOUNCED[phase.value](step.value)}
      </p>
      <footer>
        <p>
          After He et al. 2021, <cite>Masked Autoencoders Are Scalable Vision Learners</cite>. MIT licensed.
        </p>
      </footer>
    </>
  );
}

/** What a screen reader is told when training starts or rests; steps themselves are not read out. */
const ANNOUNCED = {
  ready: () => '',
  training: () => 'Training',
  paused: (at: number) => `Paused at step ${at}`,
  finished: (at: number) => `Finished after ${at} steps`,
} as const;

function RunLine(): VNode | null {
  const { value } = run;
  if (value === undefined) return null;
  return (
    <span>
      This one: {value.settings.model.preset}, on {sourceName(value.source)}, {value.engineDescription}
      {value.threads > 1 ? `, ${value.threads} threads` : ''}
      {value.tiles === undefined ? '' : `, its tiles tuned ${ago(value.tiles.at)}`}.
    </span>
  );
}

function Notice(): VNode | null {
  const { value } = message;
  if (value === undefined) return null;
  return (
    <div class={`notice ${value.kind}`} role={value.kind === 'alarm' ? 'alert' : 'status'}>
      <p>{value.text}</p>
      <button
        type="button"
        class="quiet"
        onClick={() => {
          message.value = undefined;
        }}
      >
        Close
      </button>
    </div>
  );
}
