import { encoderShapes, type Mae, type MaeConfig, type MaeEncoder, maeShapes } from '@maehem/mae';
import type { OptimizerState } from '@maehem/optim';
import { assertSameNames, type HostTensor, type Named } from '@maehem/weights';
import type * as tf from '@tensorflow/tfjs-core';
import { uploadTensor, uploadTree } from './host-tensors.js';
import type { PretrainConfig } from './pretrain-config.js';
import type { Pretrainer } from './pretrainer.js';

/** The files of a checkpoint, in Node's folders and in the page's: weights, optimizer state, description. */
export const MODEL_FILE = 'model.safetensors';
export const OPTIMIZER_FILE = 'optimizer.safetensors';
export const STATE_FILE = 'state.json';

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

/** The description of a trainer's state as it is now. */
export function describeCheckpoint(
  trainer: Pretrainer,
  config: PretrainConfig,
  extra: unknown,
): CheckpointInfo {
  return { format: FORMAT, step: trainer.stepIndex, config, extra };
}

/**
 * Read a checkpoint's description.
 * @param file where the text is from, for the error
 * @throws when it is none, or of another format.
 */
export function parseCheckpointInfo(text: string, file: string): CheckpointInfo {
  let info: Partial<CheckpointInfo>;
  try {
    info = JSON.parse(text) as Partial<CheckpointInfo>;
  } catch (error) {
    throw new Error(`${file} describes no checkpoint: ${(error as Error).message}`, { cause: error });
  }
  if (info.format !== FORMAT || info.config === undefined || !Number.isSafeInteger(info.step))
    throw new Error(`${file} is of format ${info.format}, this version reads ${FORMAT}`);
  return info as CheckpointInfo;
}

/**
 * The weights of a whole autoencoder, on the current backend.
 * @param file where the tensors are from, for the error
 * @throws TensorMismatchError when they are of another architecture.
 */
export function maeFromTensors(tensors: Named<HostTensor>, model: MaeConfig, file: string): Mae {
  const shapes = maeShapes(model);
  assertSameNames(shapes, tensors, file);
  return uploadTree<Mae>(inOrder(tensors, Object.keys(shapes)));
}

/** The encoder alone; a decoder among the tensors is ignored. @throws TensorMismatchError */
export function encoderFromTensors(tensors: Named<HostTensor>, model: MaeConfig, file: string): MaeEncoder {
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

/** Copy optimizer state to the host. Paths hold dots, so slots are set apart by a slash: `m/blocks.0.attn.qkv.weight`. */
export async function downloadOptimizerState(state: OptimizerState): Promise<Named<HostTensor>> {
  const list: [string, HostTensor][] = [];
  for (const [slot, tensors] of Object.entries(state))
    for (const [path, tensor] of Object.entries(tensors))
      list.push([
        `${slot}/${path}`,
        { dtype: 'F32', shape: tensor.shape, data: (await tensor.data()) as Float32Array },
      ]);
  return Object.fromEntries(list);
}

/** Optimizer state of a model on the current backend, from what {@link downloadOptimizerState} gave. */
export function uploadOptimizerState(tensors: Named<HostTensor>, model: MaeConfig): OptimizerState {
  const paths = Object.keys(maeShapes(model));
  const slots = new Set(Object.keys(tensors).map((name) => name.slice(0, name.indexOf('/'))));
  const ordered = (slot: string): [string, tf.Tensor][] =>
    paths.flatMap((path) => {
      const tensor = tensors[`${slot}/${path}`];
      return tensor === undefined ? [] : [[path, uploadTensor(tensor)]];
    });
  return Object.fromEntries([...slots].map((slot) => [slot, Object.fromEntries(ordered(slot))]));
}
