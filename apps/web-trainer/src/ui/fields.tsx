import { pretrainConfig } from '@maehem/settings';
import type { PretrainConfig } from '@maehem/train';
import type { ComponentChildren, VNode } from 'preact';
import { change, draft, drafted } from './draft.js';

/** A labelled control. */
export function Field({
  label,
  id,
  unit,
  children,
}: {
  label: string;
  id: string;
  unit?: string | undefined;
  children: ComponentChildren;
}): VNode {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="control">
        {children}
        {unit === undefined ? null : <small>{unit}</small>}
      </span>
    </div>
  );
}

/** What a preset gives where the draft says nothing. */
type Fallback = (config: PretrainConfig) => number;

function settingOf(path: string, fallback: Fallback | undefined): unknown {
  const value = drafted(path);
  if (value !== undefined || fallback === undefined || draft.value.settings === undefined) return value;
  return fallback(pretrainConfig(draft.value.settings));
}

interface NumberProps {
  readonly path: string;
  readonly label: string;
  readonly unit?: string;
  readonly min: number;
  readonly max?: number;
  readonly step?: number;
  readonly slider?: boolean;
  /** May be empty: none. */
  readonly optional?: boolean;
  readonly fallback?: Fallback;
}

/** A number among the settings; what does not hold stays, and is told beside the form. */
export function NumberField({
  path,
  label,
  unit,
  min,
  max,
  step = 1,
  slider = false,
  optional = false,
  fallback,
}: NumberProps): VNode {
  const id = `set-${path}`;
  const value = settingOf(path, fallback);
  const shown = Array.isArray(value) ? value[0] : (value as number | null | undefined);
  const set = (text: string): void => {
    if (text === '') change(path, optional ? null : undefined);
    else change(path, Number(text));
  };
  return (
    <Field label={label} id={id} unit={slider ? `${Math.round(100 * Number(shown))} %` : unit}>
      <input
        id={id}
        type={slider ? 'range' : 'number'}
        min={min}
        max={max}
        step={slider ? step : 'any'}
        value={shown ?? ''}
        onInput={(event) => slider && set(event.currentTarget.value)}
        onChange={(event) => set(event.currentTarget.value)}
      />
    </Field>
  );
}

interface ChoiceProps {
  readonly path: string;
  readonly label: string;
  readonly options: readonly (string | number)[];
  readonly names?: readonly string[];
  /** Those that cannot be chosen here. */
  readonly refused?: readonly (string | number)[];
  readonly fallback?: Fallback;
  readonly onPick?: () => void;
}

/** One of a few. */
export function Choice({ path, label, options, names, refused = [], fallback, onPick }: ChoiceProps): VNode {
  const id = `set-${path}`;
  return (
    <Field label={label} id={id}>
      <select
        id={id}
        value={String(settingOf(path, fallback) ?? '')}
        onChange={(event) => {
          const picked = options.find((option) => String(option) === event.currentTarget.value);
          change(path, picked);
          onPick?.();
        }}
      >
        {options.map((option, at) => (
          <option key={option} value={String(option)} disabled={refused.includes(option)}>
            {names?.[at] ?? option}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** Yes or no. */
export function Switch({ path, label }: { path: string; label: string }): VNode {
  const id = `set-${path}`;
  return (
    <div class="field switch">
      <input
        id={id}
        type="checkbox"
        checked={drafted(path) === true}
        onChange={(event) => change(path, event.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
    </div>
  );
}
