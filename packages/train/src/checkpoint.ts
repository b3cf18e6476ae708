import { encoderShapes, type Mae, type MaeConfig, type MaeEncoder, maeShapes } from '@maehem/mae';
import { LOSS_SCALE_PATHS, LOSS_SCALE_SLOT, type OptimizerState } from '@maehem/optim';
import { type Classifier, type ClassifierConfig, classifierShapes } from '@maehem/vit';
import { assertSameNames, type HostTensor, type Named } from '@maehem/weights';
import type * as tf from '@tensorflow/tfjs-core';
import type { FinetuneConfig } from './finetune-config.js';
import { uploadTensor, uploadTree } from './host-tensors.js';
import type { PretrainConfig } from './pretrain-config.js';

/** The files of a checkpoint, in Node's folders and in the page's: weights, optimizer state, description. */
export const MODEL_FILE = 'model.safetensors';
export const OPTIMIZER_FILE = 'optimizer.safetensors';
export const STATE_FILE = 'state.json';
/** The averaged weights of a run that keeps some. */
export const EMA_FILE = 'model_ema.safetensors';

const FORMAT = 1;

/** The configuration of each kind of training that is checkpointed. */
export interface CheckpointConfigs {
  readonly pretrain: PretrainConfig;
  readonly finetune: FinetuneConfig;
}

/** What was trained: a masked autoencoder, or a classifier. */
export type CheckpointKind = keyof CheckpointConfigs;

/** What a checkpoint says about itself. */
export interface CheckpointInfo<Kind extends CheckpointKind = 'pretrain'> {
  readonly format: typeof FORMAT;
  /** Absent for pretraining, which was the first kind. */
  readonly kind?: Kind;
  /** Optimizer steps done: with the seed in `config`, all there is to know about keys and the place in the epoch. */
  readonly step: number;
  readonly config: CheckpointConfigs[Kind];
  /** What the training images were, by `Dataset.fingerprint`, where the caller knew. */
  readonly images?: string;
  /** Whatever the caller wants to find again: settings, data set, normalisation. */
  readonly extra: unknown;
}

/** The description of a trainer's state as it is now. */
export function describeCheckpoint<Kind extends CheckpointKind = 'pretrain'>(
  trainer: { readonly stepIndex: number },
  config: CheckpointConfigs[Kind],
  extra: unknown,
  kind?: Kind,
): CheckpointInfo<Kind> {
  return { format: FORMAT, ...(kind && { kind }), step: trainer.stepIndex, config, extra };
}

/** What checkpoints of a kind are called in messages, and what takes them. */
const KINDS: Readonly<Record<CheckpointKind, string>> = {
  pretrain: 'a pretrained masked autoencoder',
  finetune: 'a fine-tuned classifier',
};

/**
 * Read a checkpoint's description.
 * @param file where the text is from, for the error
 * @param kind what is wanted
 * @throws when it is none, or of another format or kind.
 */
export function parseCheckpointInfo<Kind extends CheckpointKind = 'pretrain'>(
  text: string,
  file: string,
  kind: Kind = 'pretrain' as Kind,
): CheckpointInfo<Kind> {
  let info: Partial<CheckpointInfo<Kind>>;
  try {
    info = JSON.parse(text) as Partial<CheckpointInfo<Kind>>;
  } catch (error) {
    throw new Error(`${file} describes no checkpoint: ${(error as Error).message}`, { cause: error });
  }
  if (info.format !== FORMAT || info.config === undefined || !Number.isSafeInteger(info.step))
    throw new Error(`${file} is of format ${info.format}, this version reads ${FORMAT}`);
  const found = info.kind ?? 'pretrain';
  if (found !== kind) throw new Error(`${file} is of ${KINDS[found]}; ${KINDS[kind]} is wanted here`);
  return info as CheckpointInfo<Kind>;
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

/** The weights of a classifier, on the current backend. @throws TensorMismatchError */
export function classifierFromTensors(
  tensors: Named<HostTensor>,
  model: ClassifierConfig,
  file: string,
): Classifier {
  const shapes = classifierShapes(model);
  assertSameNames(shapes, tensors, file);
  return uploadTree<Classifier>(inOrder(tensors, Object.keys(shapes)));
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

/**
 * Optimizer state on the current backend, from what {@link downloadOptimizerState} gave.
 * @param paths of the model's parameters, in its order
 */
export function uploadStateOf(tensors: Named<HostTensor>, paths: readonly string[]): OptimizerState {
  const slots = new Set(Object.keys(tensors).map((name) => name.slice(0, name.indexOf('/'))));
  const ordered = (slot: string): [string, tf.Tensor][] =>
    (slot === LOSS_SCALE_SLOT ? LOSS_SCALE_PATHS : paths).flatMap((path) => {
      const tensor = tensors[`${slot}/${path}`];
      return tensor === undefined ? [] : [[path, uploadTensor(tensor)]];
    });
  return Object.fromEntries([...slots].map((slot) => [slot, Object.fromEntries(ordered(slot))]));
}

/** Optimizer state of a masked autoencoder. */
export function uploadOptimizerState(tensors: Named<HostTensor>, model: MaeConfig): OptimizerState {
  return uploadStateOf(tensors, Object.keys(maeShapes(model)));
}
