import { clone, dispose } from '@maehem/backend';
import type { MaeEncoder } from '@maehem/mae';
import { EMA_SLOT, type NamedTensors } from '@maehem/optim';
import type { Key } from '@maehem/random';
import { type Classifier, type ClassifierConfig, classifierShapes, initClassifier } from '@maehem/vit';
import type { FinetuneConfig } from './finetune-config.js';
import { type FinetuneBatch, finetuneTask, uploadFinetuneBatch } from './finetune-task.js';
import { createTrainer, type Trainer } from './trainer.js';
import { createTrainingRun, planRun, type StartingState, type TrainingRun } from './training-run.js';
import { joinParams, splitTree } from './training-step.js';

/** A fine-tuning run. */
export type FinetuneRun = TrainingRun<FinetuneConfig, Classifier, FinetuneBatch>;

/** Deviation of a head's initial weights in the reference's fine-tuning: the encoder hardly feels the first steps. */
export const FINETUNE_HEAD_STD = 2e-5;
/** timm's, for a model that has not learned anything yet. */
const SCRATCH_HEAD_STD = 0.02;

/**
 * A classifier on a pretrained encoder (the reference's `main_finetune.py`): the encoder's weights, a fresh head, and,
 * with mean pooling, a fresh norm in place of the encoder's, which normalised single tokens.
 * @param encoder stays the caller's; absent for a model from scratch
 * @throws when the encoder is of another depth, width, patch or number of positions.
 */
export function classifierFrom(
  config: ClassifierConfig,
  key: Key,
  encoder?: Pick<MaeEncoder, 'cls_token' | 'pos_embed' | 'patch_embed' | 'blocks' | 'norm'>,
): Classifier {
  if (encoder === undefined) return initClassifier(key, config, SCRATCH_HEAD_STD);
  assertFits(config, encoder);
  const fresh = initClassifier(key, config, FINETUNE_HEAD_STD);
  const { cls_token, pos_embed, patch_embed, blocks, norm } = encoder;
  const known = {
    cls_token,
    pos_embed,
    patch_embed,
    blocks,
    ...(config.pooling === 'class' ? { norm } : {}),
  };
  const learned = clone(known);
  for (const name of Object.keys(known) as (keyof typeof known)[]) dispose(fresh[name]!);
  return { ...fresh, ...learned };
}

/** @throws when the encoder is of another depth, width, patch or number of positions. */
function assertFits(
  config: ClassifierConfig,
  encoder: Pick<MaeEncoder, 'pos_embed' | 'patch_embed' | 'blocks'>,
): void {
  const shapes = classifierShapes(config);
  const found = {
    blocks: [encoder.blocks.length, config.depth],
    pos_embed: [encoder.pos_embed.shape, shapes['pos_embed']!.shape],
    'patch_embed.proj.weight': [
      encoder.patch_embed.proj.weight.shape,
      shapes['patch_embed.proj.weight']!.shape,
    ],
  };
  for (const [name, [has, wants]] of Object.entries(found))
    if (String(has) !== String(wants))
      throw new Error(
        `the encoder's ${name} is [${has}], the classifier's [${wants}]; give it the encoder's sizes`,
      );
}

/**
 * Set up a fine-tuning run.
 * @param batchesPerEpoch full batches that an epoch offers
 * @param start a classifier of `classifierFrom`, or the state to go on from; its tensors become the run's
 * @param options `capture`: record the first step and replay it afterwards; on unless it is `false`. `recompute`: blocks
 * whose activations are computed again in the backward pass instead of being kept: 1 for all, k for every k-th, 0 (the
 * default) for none
 * @throws when an epoch has too few batches for one step, or a setting is out of range.
 */
export function createFinetuning(
  config: FinetuneConfig,
  batchesPerEpoch: number,
  start: StartingState<Classifier>,
  { capture = true, recompute = 0 }: { readonly capture?: boolean; readonly recompute?: number } = {},
): FinetuneRun {
  const plan = planRun(config, batchesPerEpoch);
  const trainer = createTrainer(finetuneTask(config, start.params, plan, recompute), { ...start, capture });
  return createTrainingRun(config, plan, trainer, (images, batchIndex) =>
    uploadFinetuneBatch(config, images, batchIndex),
  );
}

/** The averaged weights of a run with EMA, its plain weights otherwise; valid until the next step. */
export function averagedParams(trainer: Trainer<Classifier, FinetuneBatch>): Classifier {
  const params = trainer.params();
  const averages: NamedTensors | undefined = trainer.optimizerState()[EMA_SLOT];
  if (averages === undefined) return params;
  return joinParams(params, {
    trainable: averages,
    frozen: splitTree(params, (path) => !Object.hasOwn(averages, path)).trainable,
  });
}
