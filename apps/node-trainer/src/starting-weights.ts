import { initMae, isDecoder, type Mae } from '@maehem/mae';
import { SettingsError, type SettingsLayer } from '@maehem/settings';
import {
  describeLoad,
  loadPretrained,
  maeConfigOf,
  type PretrainConfig,
  runKeys,
  vitConfigOf,
} from '@maehem/train';
import { VIT_PRESETS, vitPreset } from '@maehem/vit';
import { openPretrained, type PretrainedSource } from './pretrained-source.js';

/** Open what pretraining starts from, where settings name anything (`from`). */
export async function openStart(settings: SettingsLayer): Promise<PretrainedSource | undefined> {
  const { from } = settings;
  if (typeof from !== 'string') return undefined;
  const { heads, decoderHeads } = modelOf(settings);
  return openPretrained(from, { heads: asNumber(heads), decoderHeads: asNumber(decoderHeads) });
}

/**
 * Settings of a run that goes on from weights: the model is theirs. Another image size is taken (positions are
 * interpolated), and where they have no decoder, as most published ones, the decoder is the settings'.
 * @throws SettingsError when settings ask for another architecture.
 */
export function settingsOfWeights(
  settings: SettingsLayer,
  { model: weights, normalise }: PretrainedSource,
): SettingsLayer {
  const { imageSize, ...fixed } =
    weights.architecture.decoder === undefined ? vitConfigOf(weights) : maeConfigOf(weights);
  const wanted = modelOf(settings);
  const changed = Object.entries(fixed)
    .filter(([name, value]) => wanted[name] !== undefined && !isSame(wanted[name], value))
    .map(([name]) => `model.${name}`);
  if (changed.length > 0)
    throw new SettingsError(
      `${changed.join(', ')}: those of ${weights.name} cannot be changed; leave them out, or start without --from`,
    );
  // A preset brings its decoder: the paper's for its own widths.
  const preset = VIT_PRESETS.find(
    (name) => vitPreset(name).dim === fixed.dim && vitPreset(name).depth === fixed.depth,
  );
  const model = { ...(preset === undefined ? {} : { preset }), imageSize, ...wanted, ...fixed };
  const isOpen = settings['normalise'] === undefined || settings['normalise'] === 'auto';
  return { ...settings, model, ...(isOpen && normalise !== undefined ? { normalise } : {}) };
}

function modelOf(settings: SettingsLayer): SettingsLayer {
  const { model } = settings;
  return typeof model === 'object' && model !== null ? (model as SettingsLayer) : {};
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function isSame(a: unknown, b: unknown): boolean {
  const sides = (value: unknown): unknown =>
    Array.isArray(value) && value[0] === value[1] ? value[0] : value;
  return JSON.stringify(sides(a)) === JSON.stringify(sides(b));
}

/** The weights' parameters, and a fresh decoder from the run's seed where they have none. @returns what was done, in words, too */
export async function startFromWeights(
  config: PretrainConfig,
  { model: weights }: PretrainedSource,
): Promise<{ readonly params: Mae; readonly report: readonly string[] }> {
  const hasDecoder = weights.architecture.decoder !== undefined;
  const { params, report } = await loadPretrained<Mae>(initMae(runKeys(config).init, config.model), weights, {
    ...{ imageSize: config.model.imageSize, patchSize: config.model.patchSize },
    mayStartFresh: (path) => !hasDecoder && isDecoder(path),
  });
  return { params, report: describeLoad(report) };
}
