import type { MixOptions, RandAugmentOptions } from '@maehem/data';
import { assertTunedBlocks, type FinetuneConfig, finetuneDefaults, scratchDefaults } from '@maehem/train';
import { assertVitConfig, type ClassifierConfig, type Pooling, type VitConfig } from '@maehem/vit';
import { z } from 'zod';
import { overlay, type SettingsLayer } from './layers.js';
import {
  BACKENDS,
  type ModelSettings,
  modelConfig,
  modelSchema,
  PRECISIONS,
  type PretrainSettings,
  parseWith,
  recomputeSchema,
  SettingsError,
  XLA,
} from './schema.js';

const rate = z.number().min(0).lt(1);
const count = z.int().positive();

const finetuneSchema = z.strictObject({
  data: z.string().min(1),
  dataKind: z.enum(['auto', 'folder', 'mnist', 'cifar10']),
  from: z.string().min(1).nullable().describe('a run, a checkpoint or a file of weights; null: from scratch'),
  out: z.string().min(1),
  backend: z.enum(BACKENDS),
  precision: z.enum(PRECISIONS),
  xla: z.enum(XLA),
  adapter: z.string().min(1).optional(),
  tuning: z.string().min(1).optional(),
  recompute: recomputeSchema,
  seed: z.int().nonnegative(),
  model: modelSchema,
  pooling: z.enum(['mean', 'class']),
  tunedBlocks: z.number().nonnegative().nullable(),
  trainImages: count.nullable().describe('at most so many labelled images, drawn from the seed; null: all'),
  testImages: count.nullable(),
  batch: count,
  accumulate: count,
  epochs: z.number().positive(),
  optimizer: z.strictObject({
    baseLr: z.number().positive(),
    minLr: z.number().nonnegative(),
    warmupEpochs: z.number().nonnegative(),
    weightDecay: z.number().nonnegative(),
    layerDecay: z.number().positive().max(1),
    beta1: rate,
    beta2: rate,
    clipNorm: z.number().positive().nullable(),
  }),
  dropPath: rate,
  mix: z.strictObject({
    mixup: z.number().nonnegative(),
    cutmix: z.number().nonnegative(),
    probability: z.number().min(0).max(1),
    switchProbability: z.number().min(0).max(1),
  }),
  labelSmoothing: rate,
  ema: rate.nullable(),
  augment: z.strictObject({
    crop: z.boolean(),
    minScale: z.number().positive().max(1),
    flip: z.boolean(),
    randAugment: z
      .strictObject({
        magnitude: z.number().min(0).max(10),
        magnitudeStd: z.number().nonnegative(),
        operations: z.int().nonnegative(),
        probability: z.number().min(0).max(1),
      })
      .nullable(),
    erasing: z.number().min(0).max(1),
  }),
  normalise: z.enum(['auto', 'imagenet', 'cifar10', 'mnist', 'half']),
  onBadImage: z.enum(['skip', 'fail']),
  evaluateEvery: z.number().positive().describe('epochs between evaluations on the test split'),
  checkpointEvery: z.number().positive().describe('epochs between checkpoints'),
  keepCheckpoints: count,
});

/** Settings of a fine-tuning run, or of one from scratch, defaults filled in. */
export interface FinetuneSettings
  extends Pick<
    PretrainSettings,
    | 'data'
    | 'dataKind'
    | 'out'
    | 'backend'
    | 'precision'
    | 'xla'
    | 'adapter'
    | 'tuning'
    | 'recompute'
    | 'seed'
    | 'batch'
    | 'accumulate'
    | 'epochs'
    | 'normalise'
    | 'onBadImage'
    | 'checkpointEvery'
    | 'keepCheckpoints'
  > {
  /** Where the encoder's weights come from; `null` for a model from scratch. */
  readonly from: string | null;
  /** Sizes that differ from the checkpoint's, or the whole model where there is none. */
  readonly model: ModelSettings;
  readonly pooling: Pooling;
  readonly tunedBlocks: number | null;
  readonly trainImages: number | null;
  readonly testImages: number | null;
  readonly optimizer: FinetuneConfig['optimizer'];
  readonly dropPath: number;
  readonly mix: Required<MixOptions>;
  readonly labelSmoothing: number;
  readonly ema: number | null;
  readonly augment: {
    readonly crop: boolean;
    readonly minScale: number;
    readonly flip: boolean;
    readonly randAugment: Required<RandAugmentOptions> | null;
    /** Chance of random erasing. */
    readonly erasing: number;
  };
  readonly evaluateEvery: number;
}

const RAND_AUGMENT = { magnitude: 9, magnitudeStd: 0.5, operations: 2, probability: 0.5 };

/** The paper's settings (tables 9 and 11), with batch and epochs for small machines. */
function defaults(scratch: boolean): SettingsLayer {
  const paper = (scratch ? scratchDefaults : finetuneDefaults)({} as ClassifierConfig);
  const { optimizer, dropPath, mix, labelSmoothing, ema, tunedBlocks, batch, accumulate, seed } = paper;
  return {
    ...{ dataKind: 'auto', from: null, out: 'runs/finetune', backend: 'auto' },
    ...{
      precision: 'f32',
      xla: 'auto',
      recompute: 'none',
      seed,
      model: { preset: 'small' },
      pooling: 'mean',
      tunedBlocks,
    },
    ...{ trainImages: null, testImages: null, batch, accumulate, epochs: 20, optimizer, dropPath },
    ...{ mix: { probability: 1, switchProbability: 0.5, ...mix }, labelSmoothing, ema },
    augment: {
      crop: true,
      minScale: 0.08,
      flip: true,
      randAugment: RAND_AUGMENT,
      erasing: scratch ? 0 : 0.25,
    },
    ...{ normalise: 'auto', onBadImage: 'fail', evaluateEvery: 1, checkpointEvery: 1, keepCheckpoints: 2 },
  };
}

/**
 * Check settings and fill in defaults: the paper's fine-tuning recipe, or, without `from`, its supervised one.
 * @throws SettingsError with one line for each bad setting.
 */
export function parseFinetuneSettings(input: SettingsLayer, from = 'settings'): FinetuneSettings {
  const scratch = input['from'] === undefined || input['from'] === null;
  return parseWith<FinetuneSettings>(finetuneSchema, overlay(defaults(scratch), input), from);
}

/**
 * The classifier that settings mean.
 * @param encoder the checkpoint's, where there is one: settings may change its image size, nothing else
 * @throws SettingsError when sizes do not fit each other, or the encoder.
 */
export function classifierConfig(
  settings: FinetuneSettings,
  classes: number,
  encoder?: VitConfig,
): ClassifierConfig {
  const { preset: _preset, ...changes } = settings.model;
  const model = encoder === undefined ? modelConfig(settings.model) : withChanges(encoder, changes);
  const { imageSize, patchSize, channels, dim, depth, heads, mlpRatio, normEps } = model;
  const config = {
    ...{ imageSize, patchSize, channels, dim, depth, heads, mlpRatio, classes, pooling: settings.pooling },
    ...(normEps === undefined ? {} : { normEps }),
  };
  try {
    assertVitConfig(config);
    assertTunedBlocks(settings.tunedBlocks, depth);
  } catch (error) {
    throw new SettingsError(`settings do not hold: ${(error as Error).message}`);
  }
  return config;
}

function withChanges(encoder: VitConfig, changes: Omit<ModelSettings, 'preset'>): VitConfig {
  // Heads are in no tensor's shape: where a file of weights leaves them open, settings say them.
  const { imageSize, heads: _heads, ...others } = changes;
  const fixed = Object.keys(others);
  if (fixed.length > 0)
    throw new SettingsError(
      `model.${fixed.join(', model.')} are those of the checkpoint; only model.imageSize can differ from it`,
    );
  if (imageSize === undefined) return encoder;
  return { ...encoder, imageSize: typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize };
}

/** The part of the settings that decides the trajectory. */
export function finetuneConfig(settings: FinetuneSettings, model: ClassifierConfig): FinetuneConfig {
  const { tunedBlocks, optimizer, dropPath, mix, labelSmoothing, ema, batch, accumulate, epochs, seed } =
    settings;
  return {
    ...{ model, tunedBlocks, optimizer, dropPath, mix, labelSmoothing, ema },
    ...{ batch, accumulate, epochs, seed },
  };
}
