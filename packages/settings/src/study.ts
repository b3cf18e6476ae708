import { z } from 'zod';
import { overlay, type SettingsLayer } from './layers.js';
import { BACKENDS, type PretrainSettings, parseWith } from './schema.js';

/** Ways to classify frozen features. */
export const PROBE_METHODS = ['linear', 'lars', 'knn'] as const;
export type ProbeMethod = (typeof PROBE_METHODS)[number];

/** One thing that is tried: what it changes, and what the paper found. */
export interface Variant {
  readonly name: string;
  /** Laid over the study's pretraining settings. */
  readonly pretrain: SettingsLayer;
  /** The paper's accuracies, in per cent, where it has some. */
  readonly paper?: PaperFigures;
}

/** In per cent: ViT-L/16 on ImageNet-1K, 800 epochs of pretraining. */
export interface PaperFigures {
  readonly finetune?: number;
  readonly linear?: number;
}

/** Variants beside each other, as in a table of the paper. */
export interface AblationTable {
  readonly name: string;
  readonly variants: readonly Variant[];
}

/** Supervised training on the same labels without pretraining. */
export interface ScratchBaseline {
  readonly name: string;
  /** Laid over the study's fine-tuning settings. */
  readonly finetune: SettingsLayer;
  /** Train for as many more epochs as pretraining would have cost: the same total compute. */
  readonly sameCompute: boolean;
}

/** A whole study: what is pretrained, how it is judged, and how often. */
export interface Study {
  readonly title: string;
  readonly data: string;
  readonly dataKind: PretrainSettings['dataKind'];
  readonly out: string;
  readonly backend: PretrainSettings['backend'];
  readonly seeds: readonly number[];
  readonly pretrain: SettingsLayer;
  readonly tables: readonly AblationTable[];
  readonly probe: {
    readonly methods: readonly ProbeMethod[];
    readonly pooling: 'mean' | 'class';
    readonly trainImages: number | null;
    readonly testImages: number | null;
  };
  /** Settings of fine-tuning, or `null` to leave it out. */
  readonly finetune: SettingsLayer | null;
  /** Which variants are fine-tuned: only the study's own settings, or all. */
  readonly finetuneVariants: 'default' | 'all';
  /** Numbers of blocks for partial fine-tuning of the default and of the untrained encoder. */
  readonly partial: readonly number[];
  /** Judge an encoder that has learned nothing, too. */
  readonly untrained: boolean;
  readonly scratch: readonly ScratchBaseline[];
}

const layer = z.record(z.string(), z.unknown());
const percent = z.number().min(0).max(100).optional();

const studySchema = z.strictObject({
  title: z.string().default('Ablations'),
  data: z.string().min(1),
  dataKind: z.enum(['auto', 'folder', 'mnist', 'cifar10']).default('auto'),
  out: z.string().min(1).default('runs/ablate'),
  backend: z.enum(BACKENDS).default('auto'),
  seeds: z.array(z.int().nonnegative()).min(1).default([0, 1, 2]),
  pretrain: layer.default({}),
  tables: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        variants: z.array(
          z.strictObject({
            name: z.string().min(1),
            pretrain: layer.default({}),
            paper: z.strictObject({ finetune: percent, linear: percent }).optional(),
          }),
        ),
      }),
    )
    .min(1),
  probe: z
    .strictObject({
      methods: z.array(z.enum(PROBE_METHODS)).default(['linear', 'knn']),
      pooling: z.enum(['mean', 'class']).default('mean'),
      trainImages: z.int().positive().nullable().default(null),
      testImages: z.int().positive().nullable().default(null),
    })
    .prefault({}),
  finetune: layer.nullable().default(null),
  finetuneVariants: z.enum(['default', 'all']).default('default'),
  partial: z.array(z.number().nonnegative()).default([]),
  untrained: z.boolean().default(true),
  scratch: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        finetune: layer.default({}),
        sameCompute: z.boolean().default(false),
      }),
    )
    .default([]),
});

/** Check a study and fill in defaults. @throws SettingsError with one line for each bad setting. */
export function parseStudy(input: SettingsLayer, from = 'the study'): Study {
  return parseWith<Study>(studySchema, input, from);
}

/** The study's own settings of pretraining, with what a variant changes, for one seed. */
export function variantSettings(study: Study, { pretrain }: Variant, seed: number): SettingsLayer {
  const { data, dataKind, backend } = study;
  return overlay(overlay(study.pretrain, pretrain), { data, dataKind, backend, seed });
}

/** A folder's name for a variant: what it changes, so that tables share what they have in common. */
export function variantId({ pretrain }: Variant): string {
  const changes = flatten(pretrain).map(([path, value]) => `${path}-${String(value)}`);
  if (changes.length === 0) return 'default';
  return changes.join('_').replaceAll(/[^\w.-]+/g, '-');
}

function flatten(settings: SettingsLayer, prefix = ''): [path: string, value: unknown][] {
  return Object.entries(settings).flatMap(([name, value]): [string, unknown][] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? flatten(value as SettingsLayer, `${prefix}${name}.`)
      : [[`${prefix}${name}`, value]],
  );
}
