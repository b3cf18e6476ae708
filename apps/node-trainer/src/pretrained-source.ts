import { stat } from 'node:fs/promises';
import { type FinetuneSettings, SettingsError } from '@maehem/settings';
import { latestCheckpoint, readCheckpointInfo } from '@maehem/train/node';
import type { ArchitectureHints, ModelWeights } from '@maehem/weights';
import { type Closable, openModel } from '@maehem/weights/node';
import { checkpointsOf } from './run.js';

/** Weights that a run starts from, and what their own run knew about images. */
export interface PretrainedSource {
  readonly model: ModelWeights & Closable;
  /** How the images of pretraining were normalised, where a run says so. */
  readonly normalise: FinetuneSettings['normalise'] | undefined;
}

/**
 * Open the weights that a person named: a run (its newest checkpoint), a checkpoint, a file or a folder of weights.
 * @throws SettingsError when there is nothing of that name; WeightsError when it holds no vision transformer.
 */
export async function openPretrained(argument: string, hints: ArchitectureHints): Promise<PretrainedSource> {
  const found = await stat(argument).catch(() => undefined);
  if (found === undefined) throw new SettingsError(`${argument}: no such file or folder to start from`);
  const path =
    (found.isDirectory() ? await latestCheckpoint(checkpointsOf(argument)) : undefined) ?? argument;
  const model = await openModel(path, hints);
  const info = found.isDirectory() ? await readCheckpointInfo(path).catch(() => undefined) : undefined;
  const { normalise } = (info?.extra ?? {}) as { normalise?: FinetuneSettings['normalise'] };
  return { model, normalise };
}
