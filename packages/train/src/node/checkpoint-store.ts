import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TensorTree } from '@maehem/backend';
import type { Mae, MaeEncoder } from '@maehem/mae';
import type { OptimizerState } from '@maehem/optim';
import { type Classifier, classifierShapes } from '@maehem/vit';
import type { HostTensor, Named } from '@maehem/weights';
import { readSafetensors, syncFolder, writeFileAtomic, writeSafetensors } from '@maehem/weights/node';
import {
  type CheckpointConfigs,
  type CheckpointInfo,
  type CheckpointKind,
  classifierFromTensors,
  describeCheckpoint,
  downloadOptimizerState,
  EMA_FILE,
  encoderFromTensors,
  MODEL_FILE,
  maeFromTensors,
  OPTIMIZER_FILE,
  parseCheckpointInfo,
  STATE_FILE,
  uploadOptimizerState,
  uploadStateOf,
} from '../checkpoint.js';
import { downloadTree } from '../host-tensors.js';
import type { TrainingState } from '../pretrain.js';
import type { PretrainConfig } from '../pretrain-config.js';
import type { StartingState } from '../training-run.js';

/** Writes the three files of a checkpoint; a test may hand in one that fails. */
export type WriteTensors = (
  path: string,
  tensors: Named<HostTensor>,
  metadata?: Named<string>,
) => Promise<void>;

/** What to save, and how much to keep. */
export interface SaveOptions<Kind extends CheckpointKind = 'pretrain'> {
  readonly trainer: {
    readonly stepIndex: number;
    params(): TensorTree;
    optimizerState(): OptimizerState;
  };
  readonly config: CheckpointConfigs[Kind];
  /** What was trained; pretraining unless given. */
  readonly kind?: Kind;
  /** Averaged weights, kept in a file of their own. */
  readonly averaged?: TensorTree;
  /** What the training images are, by `Dataset.fingerprint`. */
  readonly images?: string | undefined;
  readonly extra?: unknown;
  /** Newest checkpoints that stay; older ones are removed after the new one is whole. */
  readonly keep: number;
  readonly write?: WriteTensors;
}

/**
 * Save a checkpoint: weights under the reference's names, optimizer state, and a description, in a folder of
 * its own that appears under its name only when it is whole and on disk. On failure nothing is left of it
 * and earlier checkpoints stay.
 * @param folder of all checkpoints of a run
 * @returns the path of the new checkpoint
 */
export async function saveCheckpoint<Kind extends CheckpointKind = 'pretrain'>(
  folder: string,
  options: SaveOptions<Kind>,
): Promise<string> {
  const { trainer, config, kind, averaged, images, extra = null, keep, write = writeSafetensors } = options;
  const name = `step-${String(trainer.stepIndex).padStart(8, '0')}`;
  const path = join(folder, name);
  const partial = join(folder, `.${name}.${process.pid}.partial`);
  const info = {
    ...describeCheckpoint(trainer, config, extra, kind),
    ...(images !== undefined && { images }),
  };
  try {
    await mkdir(partial, { recursive: true });
    await write(join(partial, MODEL_FILE), await downloadTree(trainer.params()), { format: 'pt' });
    if (averaged !== undefined)
      await write(join(partial, EMA_FILE), await downloadTree(averaged), { format: 'pt' });
    await write(join(partial, OPTIMIZER_FILE), await downloadOptimizerState(trainer.optimizerState()));
    await writeFileAtomic(join(partial, STATE_FILE), [
      new TextEncoder().encode(`${JSON.stringify(info, null, 2)}\n`),
    ]);
    await rm(path, { recursive: true, force: true });
    await rename(partial, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw new Error(
      `cannot save a checkpoint in ${folder}: ${(error as Error).message}; earlier checkpoints are intact`,
      {
        cause: error,
      },
    );
  }
  await removeOld(folder, keep);
  return path;
}

async function removeOld(folder: string, keep: number): Promise<void> {
  const names = await checkpointNames(folder);
  for (const name of names.slice(0, -keep)) await rm(join(folder, name), { recursive: true, force: true });
  // What a killed run left half written.
  for (const name of await readdir(folder))
    if (name.endsWith('.partial')) await rm(join(folder, name), { recursive: true, force: true });
}

/** Checkpoints of a run, oldest first; none when there is no such folder. */
async function checkpointNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names
    .filter((name) => /^step-\d{8,}$/.test(name))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

/** The newest checkpoint of a run, or `undefined`. */
export async function latestCheckpoint(folder: string): Promise<string | undefined> {
  const newest = (await checkpointNames(folder)).pop();
  return newest === undefined ? undefined : join(folder, newest);
}

/**
 * The description of a checkpoint.
 * @param kind what is wanted; pretraining unless given
 * @throws when the folder is none, or of another format or kind.
 */
export async function readCheckpointInfo<Kind extends CheckpointKind = 'pretrain'>(
  path: string,
  kind?: Kind,
): Promise<CheckpointInfo<Kind>> {
  const file = join(path, STATE_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`${path} is not a checkpoint: ${(error as Error).message}`, { cause: error });
  }
  return parseCheckpointInfo(text, file, kind);
}

/**
 * Everything needed to go on training exactly where the checkpoint was made.
 * @throws TensorMismatchError when the weights are not those of its configuration; which and how.
 */
export async function loadCheckpoint(
  path: string,
): Promise<{ info: CheckpointInfo; state: Required<TrainingState> }> {
  const info = await readCheckpointInfo(path);
  const params = await loadMae(join(path, MODEL_FILE), info.config.model);
  const { tensors } = await readSafetensors(join(path, OPTIMIZER_FILE));
  const optimizerState = uploadOptimizerState(tensors, info.config.model);
  return { info, state: { params, optimizerState, stepIndex: info.step } };
}

/** As {@link loadCheckpoint}, of a fine-tuning run. @throws TensorMismatchError */
export async function loadFinetuneCheckpoint(
  path: string,
): Promise<{ info: CheckpointInfo<'finetune'>; state: Required<StartingState<Classifier>> }> {
  const info = await readCheckpointInfo(path, 'finetune');
  const { model } = info.config;
  const params = await loadClassifier(join(path, MODEL_FILE), model);
  const { tensors } = await readSafetensors(join(path, OPTIMIZER_FILE));
  const optimizerState = uploadStateOf(tensors, Object.keys(classifierShapes(model)));
  return { info, state: { params, optimizerState, stepIndex: info.step } };
}

/** The weights of a classifier. @throws TensorMismatchError when they are of another architecture. */
export async function loadClassifier(
  file: string,
  model: CheckpointConfigs['finetune']['model'],
): Promise<Classifier> {
  const { tensors } = await readSafetensors(file);
  return classifierFromTensors(tensors, model, file);
}

/** The weights of a whole autoencoder. @throws TensorMismatchError when they are of another architecture. */
export async function loadMae(file: string, model: PretrainConfig['model']): Promise<Mae> {
  const { tensors } = await readSafetensors(file);
  return maeFromTensors(tensors, model, file);
}

/** The encoder alone; a decoder in the file is ignored. @throws TensorMismatchError */
export async function loadEncoder(file: string, model: PretrainConfig['model']): Promise<MaeEncoder> {
  const { tensors } = await readSafetensors(file);
  return encoderFromTensors(tensors, model, file);
}

/** The weights' file of a checkpoint folder. */
export function modelFile(checkpoint: string): string {
  return join(checkpoint, MODEL_FILE);
}
