import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encoderShapes, type Mae, type MaeEncoder, maeShapes } from '@maehem/mae';
import type { OptimizerState } from '@maehem/optim';
import { assertSameNames, type HostTensor, type Named } from '@maehem/weights';
import { readSafetensors, syncFolder, writeFileAtomic, writeSafetensors } from '@maehem/weights/node';
import type * as tf from '@tensorflow/tfjs-core';
import { downloadTree, uploadTensor, uploadTree } from '../host-tensors.js';
import type { TrainingState } from '../pretrain.js';
import type { PretrainConfig } from '../pretrain-config.js';
import type { Pretrainer } from '../pretrainer.js';

const MODEL_FILE = 'model.safetensors';
const OPTIMIZER_FILE = 'optimizer.safetensors';
const STATE_FILE = 'state.json';
const FORMAT = 1;

/** What a checkpoint says about itself. */
export interface CheckpointInfo {
  readonly format: typeof FORMAT;
  /** Optimizer steps done: with the seed in `config`, all there is to know about keys and the place in the epoch. */
  readonly step: number;
  readonly config: PretrainConfig;
  /** Whatever the caller wants to find again: settings, data set, normalisation. */
  readonly extra: unknown;
}

/** Writes the three files of a checkpoint; a test may hand in one that fails. */
export type WriteTensors = (
  path: string,
  tensors: Named<HostTensor>,
  metadata?: Named<string>,
) => Promise<void>;

/** What to save, and how much to keep. */
export interface SaveOptions {
  readonly trainer: Pretrainer;
  readonly config: PretrainConfig;
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
export async function saveCheckpoint(folder: string, options: SaveOptions): Promise<string> {
  const { trainer, config, extra = null, keep, write = writeSafetensors } = options;
  const name = `step-${String(trainer.stepIndex).padStart(8, '0')}`;
  const path = join(folder, name);
  const partial = join(folder, `.${name}.${process.pid}.partial`);
  const info: CheckpointInfo = { format: FORMAT, step: trainer.stepIndex, config, extra };
  try {
    await mkdir(partial, { recursive: true });
    await write(join(partial, MODEL_FILE), await downloadTree(trainer.params()), { format: 'pt' });
    await write(join(partial, OPTIMIZER_FILE), await downloadState(trainer.optimizerState()));
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
 * @throws when the folder is none, or of another format.
 */
export async function readCheckpointInfo(path: string): Promise<CheckpointInfo> {
  const file = join(path, STATE_FILE);
  let info: Partial<CheckpointInfo>;
  try {
    info = JSON.parse(await readFile(file, 'utf8')) as Partial<CheckpointInfo>;
  } catch (error) {
    throw new Error(`${path} is not a checkpoint: ${(error as Error).message}`, { cause: error });
  }
  if (info.format !== FORMAT || info.config === undefined || !Number.isSafeInteger(info.step))
    throw new Error(`${file} is of format ${info.format}, this version reads ${FORMAT}`);
  return info as CheckpointInfo;
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
  const paths = Object.keys(maeShapes(info.config.model));
  return { info, state: { params, optimizerState: uploadState(tensors, paths), stepIndex: info.step } };
}

/** The weights of a whole autoencoder. @throws TensorMismatchError when they are of another architecture. */
export async function loadMae(file: string, model: PretrainConfig['model']): Promise<Mae> {
  const { tensors } = await readSafetensors(file);
  const shapes = maeShapes(model);
  assertSameNames(shapes, tensors, file);
  return uploadTree<Mae>(inOrder(tensors, Object.keys(shapes)));
}

/** The encoder alone; a decoder in the file is ignored. @throws TensorMismatchError */
export async function loadEncoder(file: string, model: PretrainConfig['model']): Promise<MaeEncoder> {
  const { tensors } = await readSafetensors(file);
  const shapes = encoderShapes(model);
  const decoder = maeShapes(model);
  const found = Object.entries(tensors).filter(
    ([name]) => Object.hasOwn(shapes, name) || !Object.hasOwn(decoder, name),
  );
  assertSameNames(shapes, Object.fromEntries(found), file);
  return uploadTree<MaeEncoder>(inOrder(tensors, Object.keys(shapes)));
}

/** A file sorts its tensors; sums over parameters must run in the model's order to give the same bits again. */
function inOrder(tensors: Named<HostTensor>, paths: readonly string[]): Named<HostTensor> {
  return Object.fromEntries(
    paths.flatMap((path) => (tensors[path] === undefined ? [] : [[path, tensors[path]]])),
  );
}

/** The weights' file of a checkpoint folder. */
export function modelFile(checkpoint: string): string {
  return join(checkpoint, MODEL_FILE);
}

/** Paths hold dots, so slots are set apart by a slash: `m/blocks.0.attn.qkv.weight`. */
async function downloadState(state: OptimizerState): Promise<Named<HostTensor>> {
  const list: [string, HostTensor][] = [];
  for (const [slot, tensors] of Object.entries(state))
    for (const [path, tensor] of Object.entries(tensors))
      list.push([
        `${slot}/${path}`,
        { dtype: 'F32', shape: tensor.shape, data: (await tensor.data()) as Float32Array },
      ]);
  return Object.fromEntries(list);
}

function uploadState(tensors: Named<HostTensor>, paths: readonly string[]): OptimizerState {
  const slots = new Set(Object.keys(tensors).map((name) => name.slice(0, name.indexOf('/'))));
  const ordered = (slot: string): [string, tf.Tensor][] =>
    paths.flatMap((path) => {
      const tensor = tensors[`${slot}/${path}`];
      return tensor === undefined ? [] : [[path, uploadTensor(tensor)]];
    });
  return Object.fromEntries([...slots].map((slot) => [slot, Object.fromEntries(ordered(slot))]));
}
