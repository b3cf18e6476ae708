import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { engine, offers, openRun, phase, run } from './session.js';
import { Wordmark } from './wordmark.js';

type Theme = 'auto' | 'light' | 'dark';
const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

const theme = signal<Theme>(storedTheme());
applyTheme();

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem('theme') as Theme;
    return THEMES.includes(stored) ? stored : 'auto';
  } catch {
    return 'auto';
  }
}

function applyTheme(): void {
  if (theme.value === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
}

function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  applyTheme();
  try {
    localStorage.setItem('theme', theme.value);
  } catch {
    // A browser that keeps nothing forgets the theme as well.
  }
}

/** The top of the page: the name, the engine, the theme. */
export function Header(): VNode {
  return (
    <header class="top">
      <a href="./" class="home">
        <Wordmark />
      </a>
      <p class="privacy">Everything runs in this page. Nothing is uploaded.</p>
      <EngineChoice />
      <button type="button" class="quiet" onClick={nextTheme} aria-label={`Theme: ${theme.value}. Change it`}>
        <span aria-hidden="true" class="theme-icon" data-theme-icon={theme.value} />
      </button>
    </header>
  );
}

/** The engine that computes, and the others that could. */
function EngineChoice(): VNode {
  const { value } = run;
  return (
    <div class="engine">
      <label for="engine">Engine</label>
      <select
        id="engine"
        value={engine.value}
        disabled={phase.value === 'training'}
        title={value?.engineDescription}
        onChange={(event) => {
          engine.value = event.currentTarget.value as typeof engine.value;
          void openRun(
            value !== undefined && value.step + (value.history.steps.length ?? 0) > 0
              ? { resume: value.id }
              : {},
          );
        }}
      >
        <option value="auto">
          {value === undefined || engine.value !== 'auto' ? 'automatic' : `automatic: ${value.engine}`}
        </option>
        {offers.value.map(({ name, refusal, passedOver }) => (
          <option
            key={name}
            value={name}
            disabled={refusal !== undefined}
            title={refusal ?? passedOver ?? ''}
          >
            {name}
            {refusal === undefined ? '' : ': not here'}
          </option>
        ))}
      </select>
    </div>
  );
}
