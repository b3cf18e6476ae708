import {
  getPath,
  overlay,
  type PretrainSettings,
  parseSettings,
  type SettingsLayer,
  setPath,
} from '@maehem/settings';
import { computed, signal } from '@preact/signals';
import { type DataSource, sourceName } from '../data/source.js';
import { suitableThreads } from '../trainer/threads.js';
import { FIRST_DIGITS, recipe } from './recipes.js';

/** What the next run will be: pictures, and what was changed about their recipe. */
export const source = signal<DataSource>({ kind: 'mnist', count: FIRST_DIGITS });
export const changes = signal<SettingsLayer>({});

/** The draft as settings, or why they don't hold. */
export const draft = computed(() => checked(source.value, changes.value));

/** Settings, or what is wrong with them. */
export type Checked =
  | { readonly settings: PretrainSettings; readonly error?: undefined }
  | { readonly settings?: undefined; readonly error: string };

function checked(from: DataSource, given: SettingsLayer): Checked {
  try {
    return { settings: parseSettings(overlay(unchanged(from, given), given), 'These settings') };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** What the recipe says, with as many threads as suit the batch on this machine. */
function unchanged(from: DataSource, given: SettingsLayer): SettingsLayer {
  const layer = recipe(from);
  const batch = Number(given['batch'] ?? layer['batch']);
  return { ...layer, data: sourceName(from), threads: suitableThreads(batch) };
}

/** Make the draft that of a kept run: its pictures, and what it changed about their recipe. */
export function draftOf(settings: PretrainSettings, from: DataSource): void {
  source.value = from;
  const base = { ...checked(from, {}).settings, threads: suitableThreads(settings.batch) };
  changes.value = differing({ ...settings }, base);
}

/** The settings of a layer that a base says otherwise or not at all. */
function differing(layer: SettingsLayer, base: SettingsLayer): SettingsLayer {
  const given: SettingsLayer = {};
  for (const [path, text] of flatten(layer)) {
    if (JSON.stringify(getPath(base, path)) !== text) setPath(given, path, JSON.parse(text));
  }
  return given;
}

/** The value of one setting in the draft, whether it holds or not. */
export function drafted(path: string): unknown {
  const given = getPath(changes.value, path);
  return given === undefined
    ? getPath((draft.value.settings ?? recipe(source.value)) as SettingsLayer, path)
    : given;
}

/** Change one setting; `undefined` takes a change back. */
export function change(path: string, value: unknown): void {
  const next = structuredClone(changes.value);
  setPath(next, path, value);
  changes.value = JSON.parse(JSON.stringify(next)) as SettingsLayer;
}

/** An address with the draft's changes in it: `#mask.ratio=0.5&model.preset=small`. */
export function shareUrl(address: string): string {
  const parameters = new URLSearchParams(flatten(changes.value));
  if (source.value.kind === 'mnist' && source.value.count !== FIRST_DIGITS)
    parameters.set('digits', `${source.value.count}`);
  const url = new URL(address);
  url.hash = parameters.toString();
  return url.href;
}

function flatten(layer: SettingsLayer, path = ''): [string, string][] {
  return Object.entries(layer).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? flatten(value as SettingsLayer, `${path}${name}.`)
      : [[`${path}${name}`, JSON.stringify(value)] as [string, string]],
  );
}

/** Take the draft from an address. @returns whether there was any in it. */
export function readUrl(hash: string): boolean {
  const parameters = [...new URLSearchParams(hash.replace(/^#/, ''))];
  const given: SettingsLayer = {};
  for (const [path, text] of parameters) {
    if (path === 'digits' && ['10000', '60000'].includes(text))
      source.value = { kind: 'mnist', count: Number(text) };
    else setPath(given, path, parsed(text));
  }
  changes.value = given;
  return parameters.length > 0;
}

/** JSON where it is, else the word itself: `0.5`, `true`, `random`. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
