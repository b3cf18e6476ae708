import { stat } from 'node:fs/promises';
import type { MaeEncoder } from '@maehem/mae';
import { type PretrainSettings, parseSettings, pretrainConfig, SettingsError } from '@maehem/settings';
import type { PretrainConfig } from '@maehem/train';
import { loadEncoder, modelFile } from '@maehem/train/node';
import { findCheckpoint } from './checkpoint-argument.js';
import { isRun, type ModelOptions, openModelArgument } from './model-argument.js';
import { loadEncoderOf } from './pretrained-encoder.js';

/** An encoder to probe: of a pretraining run, or out of weights in any format. */
export interface ProbeSubject {
  /** The checkpoint, file or folder that it is in. */
  readonly path: string;
  readonly settings: PretrainSettings;
  readonly config: PretrainConfig;
  /** Where runs of partial fine-tuning are kept unless somebody says; there is no such place beside a file. */
  readonly folder: string | undefined;
  /** The encoder's weights, the caller's. */
  load(): Promise<MaeEncoder>;
}

/** What a person says about weights that are no run's. */
export interface SubjectOptions extends ModelOptions {
  readonly normalise?: PretrainSettings['normalise'];
}

/**
 * Find what a person wants probed.
 * @param data labelled images; those of the run unless given
 * @throws SettingsError when the weights are no run's and no images are named; WeightsError when there is no vision
 * transformer in them, TensorMismatchError when it is not whole.
 */
export async function openProbeSubject(
  argument: string,
  data: string | undefined,
  options: SubjectOptions,
): Promise<ProbeSubject> {
  const source = await openModelArgument(argument, options);
  try {
    if (source.model.architecture.kind !== 'classifier' && (await isRunFolder(argument)))
      return await ofRun(argument, data);
    if (data === undefined)
      throw new SettingsError(
        `${argument} is no pretraining run, so it has no images: name labelled ones, too`,
      );
    // Loaded at once: what is not whole should fail before images are read.
    const { encoder, config: model } = await loadEncoderOf(source.model);
    const normalise = options.normalise ?? source.normalise ?? 'auto';
    const settings = parseSettings({ data, model, normalise }, `the sizes of ${source.model.name}`);
    const config = pretrainConfig(settings);
    return { path: argument, settings, config, folder: undefined, load: async () => encoder };
  } finally {
    await source.model.close();
  }
}

async function isRunFolder(argument: string): Promise<boolean> {
  return (await stat(argument)).isDirectory() && isRun(argument);
}

async function ofRun(argument: string, data: string | undefined): Promise<ProbeSubject> {
  const { path, info, settings } = await findCheckpoint(argument);
  return {
    ...{ path, config: info.config, folder: argument },
    settings: data === undefined ? settings : { ...settings, data, dataKind: 'auto' },
    load: () => loadEncoder(modelFile(path), info.config.model),
  };
}
