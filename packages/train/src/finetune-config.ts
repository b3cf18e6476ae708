import type { MixOptions } from '@maehem/data';
import { fold, type Key, seed } from '@maehem/random';
import type { ClassifierConfig } from '@maehem/vit';
import type { PretrainOptimizerConfig } from './pretrain-config.js';

/** The optimizer of supervised training: AdamW under a warmup-cosine schedule, with layer-wise decay. */
export interface FinetuneOptimizerConfig extends PretrainOptimizerConfig {
  /** Factor on the learning rate from each layer to the one below it; 1 trains all alike. */
  readonly layerDecay: number;
}

/** Everything that decides a fine-tuning run, apart from images, labels and the weights that it starts from. */
export interface FinetuneConfig {
  readonly model: ClassifierConfig;
  /** Last blocks that train, in steps of a half (see `isTuned`); `null` trains the whole model. */
  readonly tunedBlocks: number | null;
  readonly optimizer: FinetuneOptimizerConfig;
  /** Rate of stochastic depth at the last block. */
  readonly dropPath: number;
  /** Mixup and cutmix. */
  readonly mix: MixOptions;
  readonly labelSmoothing: number;
  /** Decay of the weights' moving average, or `null` for none. */
  readonly ema: number | null;
  /** Images in one forward pass. */
  readonly batch: number;
  /** Forward passes in one optimizer step. */
  readonly accumulate: number;
  readonly epochs: number;
  readonly seed: number;
}

/** The paper's end-to-end fine-tuning of ViT-B (table 9); the batch suits small machines. */
export function finetuneDefaults(
  model: ClassifierConfig,
  overrides: Partial<FinetuneConfig> = {},
): FinetuneConfig {
  return {
    model,
    tunedBlocks: null,
    optimizer: {
      baseLr: 1e-3,
      minLr: 1e-6,
      warmupEpochs: 5,
      weightDecay: 0.05,
      layerDecay: 0.75,
      beta1: 0.9,
      beta2: 0.999,
      clipNorm: null,
    },
    dropPath: 0.1,
    mix: { mixup: 0.8, cutmix: 1 },
    labelSmoothing: 0.1,
    ema: null,
    batch: 64,
    accumulate: 1,
    epochs: 100,
    seed: 0,
    ...overrides,
  };
}

/** The paper's supervised ViT from scratch (appendix A.2, table 11): the baseline that pretraining must beat. */
export function scratchDefaults(
  model: ClassifierConfig,
  overrides: Partial<FinetuneConfig> = {},
): FinetuneConfig {
  const { optimizer, ...rest } = finetuneDefaults(model);
  return {
    ...rest,
    optimizer: {
      ...optimizer,
      ...{ baseLr: 1e-4, minLr: 0, warmupEpochs: 20, weightDecay: 0.3, layerDecay: 1, beta2: 0.95 },
    },
    ema: 0.9999,
    epochs: 300,
    ...overrides,
  };
}

/** The keys of a run, all from its seed. */
export function finetuneKeys(config: {
  readonly seed: number;
}): Record<'init' | 'data' | 'labels' | 'mix' | 'dropPath', Key> {
  const root = fold(seed(config.seed), 'finetune');
  return {
    init: fold(root, 'init'),
    data: fold(root, 'data'),
    labels: fold(root, 'labels'),
    mix: fold(root, 'mix'),
    dropPath: fold(root, 'dropPath'),
  };
}
