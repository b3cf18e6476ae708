import { assertMaeConfig, type MaeConfig, maePreset, type SmallPreset, smallMaePreset } from '@maehem/mae';
import { assertMaskRatio } from '@maehem/patches';
import { type PretrainConfig, visibleTokens } from '@maehem/train';
import { VIT_PRESETS, type VitPreset } from '@maehem/vit';
import { z } from 'zod';

const SMALL_PRESETS = ['tiny', 'small', 'cifar'] as const satisfies readonly SmallPreset[];

/** All model presets, smallest first. */
export const MODEL_PRESETS: readonly string[] = [...SMALL_PRESETS, ...VIT_PRESETS];

const size = z.union([z.int().positive(), z.tuple([z.int().positive(), z.int().positive()])]);

/** A preset, and what to change about it. */
export const modelSchema: z.ZodType<ModelSettings, unknown> = z.strictObject({
  preset: z.enum([...SMALL_PRESETS, ...VIT_PRESETS] as [string, ...string[]]).default('small'),
  imageSize: size.optional().describe('height and width in pixels, or one number for a square'),
  patchSize: size.optional(),
  channels: z.union([z.literal(1), z.literal(3)]).optional(),
  dim: z.int().positive().optional(),
  depth: z.int().positive().optional(),
  heads: z.int().positive().optional(),
  mlpRatio: z.number().positive().optional(),
  normEps: z.number().positive().optional(),
  decoderDim: z.int().positive().optional(),
  decoderDepth: z.int().positive().optional(),
  decoderHeads: z.int().positive().optional(),
  encoderMaskTokens: z.boolean().optional(),
}) as never;

/** Engines, as settings name them. */
export const BACKENDS = ['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;

/** When XLA compiles steps, as settings name it. */
export const XLA = ['auto', 'on', 'off'] as const;

/** Precisions of matrix products, as settings name them. */
export const PRECISIONS = ['f32', 'bf16', 'f16'] as const;

/** Which blocks are computed twice, as settings name them. */
export const recomputeSchema: z.ZodType<Recompute, unknown> = z.union([
  z.enum(['none', 'all']),
  z.int().positive(),
]);

/**
 * Everything that a pretraining run can be told, with defaults that suit small data on a small machine. One
 * schema for flags, files and the page's form.
 */
const pretrainSchema: z.ZodType<PretrainSettings, PretrainSettingsInput> = z.strictObject({
  data: z.string().min(1),
  dataKind: z.enum(['auto', 'folder', 'mnist', 'cifar10']).default('auto'),
  from: z.string().min(1).nullable().default(null).describe('weights to start from; null: fresh ones'),
  out: z.string().min(1).default('runs/pretrain'),
  backend: z.enum(BACKENDS).default('auto'),
  precision: z.enum(PRECISIONS).default('f32'),
  xla: z.enum(XLA).default('auto'),
  adapter: z.string().min(1).optional(),
  tuning: z.string().min(1).optional(),
  threads: z.int().positive().default(1),
  recompute: recomputeSchema.default('none'),
  seed: z.int().nonnegative().default(0),
  model: modelSchema.prefault({}),
  mask: z
    .strictObject({
      strategy: z.enum(['random', 'block', 'grid']).default('random'),
      ratio: z.number().default(0.75),
    })
    .prefault({}),
  normPix: z.boolean().default(true),
  target: z.enum(['pixels', 'pca', 'low-pass']).default('pixels'),
  lossOnAllPatches: z.boolean().default(false),
  trainImages: z.int().positive().nullable().default(null),
  batch: z.int().positive().default(64),
  accumulate: z.int().positive().default(1),
  epochs: z.number().positive().default(20),
  minutes: z.number().positive().nullable().default(null),
  optimizer: z
    .strictObject({
      baseLr: z.number().positive().default(1e-3),
      minLr: z.number().nonnegative().default(0),
      warmupEpochs: z.number().nonnegative().default(1),
      weightDecay: z.number().nonnegative().default(0.05),
      beta1: z.number().min(0).lt(1).default(0.9),
      beta2: z.number().min(0).lt(1).default(0.95),
      clipNorm: z.number().positive().nullable().default(null),
    })
    .prefault({}),
  augment: z
    .strictObject({
      crop: z.union([z.boolean(), z.literal('fixed')]).default(true),
      minScale: z.number().positive().max(1).default(0.2),
      flip: z.boolean().default(true),
      colourJitter: z.number().min(0).max(1).default(0),
    })
    .prefault({}),
  normalise: z.enum(['auto', 'imagenet', 'cifar10', 'mnist', 'half']).default('auto'),
  onBadImage: z.enum(['skip', 'fail']).default('fail'),
  checkpointEvery: z.number().positive().default(1).describe('epochs between checkpoints'),
  keepCheckpoints: z.int().positive().default(2),
}) as never;

/** Settings of a run, defaults filled in. */
export interface PretrainSettings {
  readonly data: string;
  readonly dataKind: 'auto' | 'folder' | 'mnist' | 'cifar10';
  /** A run, a checkpoint, or a file or folder of weights to start from; null for fresh ones. */
  readonly from: string | null;
  readonly out: string;
  readonly backend: (typeof BACKENDS)[number];
  /** Of matrix products: bf16 rounds their inputs, on tensorflow. */
  readonly precision: (typeof PRECISIONS)[number];
  /** tensorflow: are steps compiled with XLA? `auto`: in long runs. */
  readonly xla: (typeof XLA)[number];
  /** webgpu: `high-performance`, `low-power`, `fallback` for one in software, or a part of the GPU's name. */
  readonly adapter?: string;
  /** webgpu: `none`, or a file with tuned tiles, such as a run's `tuning.json`; those that were kept for the GPU otherwise. */
  readonly tuning?: string;
  /** Threads that share each step; every batch must be a multiple of it. */
  readonly threads: number;
  /** Blocks whose activations are computed again in the backward pass instead of being kept: less memory, more time. */
  readonly recompute: Recompute;
  readonly seed: number;
  readonly model: ModelSettings;
  readonly mask: PretrainConfig['mask'];
  readonly normPix: boolean;
  /** What is predicted: all of a patch, or an eighth of it, its principal components or its low frequencies. */
  readonly target: 'pixels' | 'pca' | 'low-pass';
  readonly lossOnAllPatches: boolean;
  /** At most so many images to train on, drawn from the seed; `null` for all. */
  readonly trainImages: number | null;
  readonly batch: number;
  readonly accumulate: number;
  readonly epochs: number;
  /** Train for about so long instead of for `epochs`: the schedule is fitted to the speed of the first steps. */
  readonly minutes: number | null;
  readonly optimizer: PretrainConfig['optimizer'];
  readonly augment: {
    /** A random resized crop, one of fixed size (table 1e), or none. */
    readonly crop: boolean | 'fixed';
    readonly minScale: number;
    readonly flip: boolean;
    /** Strength; an ablation of the paper (table 1e). */
    readonly colourJitter: number;
  };
  readonly normalise: 'auto' | 'imagenet' | 'cifar10' | 'mnist' | 'half';
  readonly onBadImage: 'skip' | 'fail';
  readonly checkpointEvery: number;
  readonly keepCheckpoints: number;
}

/** None, all, or a number: every so manieth block of the encoder and of the decoder. */
export type Recompute = 'none' | 'all' | number;

/** The same as `createPretraining` and `createFinetuning` take it. */
export function recomputeEvery(recompute: Recompute): number {
  if (recompute === 'none') return 0;
  return recompute === 'all' ? 1 : recompute;
}

/** A preset, and what to change about it. */
export type ModelSettings = Partial<Omit<MaeConfig, 'imageSize' | 'patchSize'>> & {
  readonly preset: string;
  readonly imageSize?: number | readonly [number, number];
  readonly patchSize?: number | readonly [number, number];
};

/** What a person may write: anything may be left out, save the data. */
type PretrainSettingsInput = { readonly [K in keyof PretrainSettings]?: unknown };

/** A setting that does not hold; the message names it, its value and what is wanted. */
export class SettingsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsError';
  }
}

/**
 * Check settings and fill in defaults.
 * @throws SettingsError with one line for each bad setting.
 */
export function parseSettings(input: unknown, from = 'settings'): PretrainSettings {
  const settings = parseWith<PretrainSettings>(pretrainSchema, input, from);
  try {
    assertMaskRatio(settings.mask.ratio);
    const model = modelConfig(settings.model);
    assertMaeConfig(model);
    visibleTokens(settings.mask, model);
    assertThreads(settings);
  } catch (error) {
    throw new SettingsError(`${from} do not hold: ${(error as Error).message}`);
  }
  return settings;
}

/** @throws SettingsError with one line for each setting that the schema refuses. */
export function parseWith<Settings>(schema: z.ZodType, input: unknown, from: string): Settings {
  const result = schema.safeParse(input);
  if (result.success) return result.data as Settings;
  const lines = result.error.issues.map(
    ({ path, message }) => `  ${path.join('.') || '(top level)'}: ${message}`,
  );
  throw new SettingsError(`${from} do not hold:\n${lines.join('\n')}`);
}

/** @throws when a batch does not divide into equal parts for the threads. */
function assertThreads({ batch, threads }: PretrainSettings): void {
  if (batch % threads !== 0)
    throw new Error(
      `a batch of ${batch} does not divide into equal parts for ${threads} threads; make --batch a multiple of --threads`,
    );
}

/** The model of a preset with its changes. Any changed size must be given on both axes or as one number. */
export function modelConfig({ preset, imageSize, patchSize, ...changes }: ModelSettings): MaeConfig {
  const pair = (value: number | readonly [number, number]): readonly [number, number] =>
    typeof value === 'number' ? [value, value] : value;
  const overrides: Partial<MaeConfig> = {
    ...Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)),
    ...(imageSize === undefined ? {} : { imageSize: pair(imageSize) }),
    ...(patchSize === undefined ? {} : { patchSize: pair(patchSize) }),
  };
  return (SMALL_PRESETS as readonly string[]).includes(preset)
    ? smallMaePreset(preset as SmallPreset, overrides)
    : maePreset(preset as VitPreset, overrides);
}

/** The part of the settings that decides the trajectory. */
export function pretrainConfig(settings: PretrainSettings, epochs: number = settings.epochs): PretrainConfig {
  const { mask, normPix, target, lossOnAllPatches, optimizer, batch, accumulate, seed } = settings;
  return {
    model: modelConfig(settings.model),
    mask,
    normPix,
    // Left out where it is what it always was, so that older checkpoints go on.
    ...(target === 'pixels' ? {} : { target }),
    lossOnAllPatches,
    optimizer,
    batch,
    accumulate,
    epochs,
    seed,
  };
}
