import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type PretrainSettings, parseSettings } from '@maehem/settings';
import { type CheckpointInfo, latestCheckpoint, readCheckpointInfo } from '@maehem/train/node';
import { checkpointsOf } from './run.js';

/** A checkpoint that a person named. */
export interface NamedCheckpoint {
  readonly path: string;
  readonly info: CheckpointInfo;
  readonly settings: PretrainSettings;
}

/**
 * Find the checkpoint that a person means: a checkpoint folder, or a run's folder for its newest one.
 * @throws when there is none.
 */
export async function findCheckpoint(argument: string): Promise<NamedCheckpoint> {
  const found = await stat(argument).catch(() => undefined);
  if (found === undefined) throw new Error(`${argument}: no such file or folder`);
  const path = /^step-\d+$/.test(basename(argument))
    ? argument
    : await latestCheckpoint(checkpointsOf(argument));
  if (path === undefined)
    throw new Error(`${argument} holds no checkpoint; looked in ${checkpointsOf(argument)}`);
  const info = await readCheckpointInfo(path);
  return { path, info, settings: parseSettings(info.extra, `the settings in ${path}`) };
}
