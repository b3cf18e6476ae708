import type { MaeConfig } from '@maehem/mae';

/** How hidden patches are chosen (He et al. 2021, figure 6). */
export interface MaskConfig {
  readonly strategy: 'random' | 'block' | 'grid';
  /** Fraction of patches that is removed, in (0, 1); the paper's default is 0.75. */
  readonly ratio: number;
}

/** The optimizer of pretraining: AdamW under a warmup-cosine schedule (table 8). */
export interface PretrainOptimizerConfig {
  /** Learning rate for a batch of 256; the actual one is baseLr * batch * accumulate / 256. */
  readonly baseLr: number;
  readonly minLr: number;
  readonly warmupEpochs: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Largest global gradient norm, or `null` for no clipping, as in the paper. */
  readonly clipNorm: number | null;
}

/** Everything that decides a pretraining run, apart from the images. */
export interface PretrainConfig {
  readonly model: MaeConfig;
  readonly mask: MaskConfig;
  readonly normPix: boolean;
  /** What is left of a patch in the target (table 1d): all of it unless said otherwise. */
  readonly target?: 'pixels' | 'pca' | 'low-pass';
  readonly lossOnAllPatches: boolean;
  readonly optimizer: PretrainOptimizerConfig;
  /** Images in one forward pass. */
  readonly batch: number;
  /** Forward passes in one optimizer step. */
  readonly accumulate: number;
  readonly epochs: number;
  readonly seed: number;
}

/** The paper's settings (table 8), for a model; batch and epochs suit small data. */
export function pretrainDefaults(model: MaeConfig, overrides: Partial<PretrainConfig> = {}): PretrainConfig {
  return {
    model,
    mask: { strategy: 'random', ratio: 0.75 },
    normPix: true,
    lossOnAllPatches: false,
    optimizer: {
      baseLr: 1.5e-4,
      minLr: 0,
      warmupEpochs: 40,
      weightDecay: 0.05,
      beta1: 0.9,
      beta2: 0.95,
      clipNorm: null,
    },
    batch: 64,
    accumulate: 1,
    epochs: 800,
    seed: 0,
    ...overrides,
  };
}
