import { assertVitConfig, type VitConfig, type VitPreset, vitPreset } from '@maehem/vit';

/** The shape of a masked autoencoder. */
export interface MaeConfig extends VitConfig {
  readonly decoderDim: number;
  /** Down to one block; the paper's default is 8 (table 1a). */
  readonly decoderDepth: number;
  readonly decoderHeads: number;
  /**
   * Ablation (table 1c): feed mask tokens to the encoder, which then sees every position. The decoder
   * has no mask token of its own in that case. The paper leaves them out.
   */
  readonly encoderMaskTokens: boolean;
}

/** @throws when a size is not a positive whole number, or does not divide as it must. */
export function assertMaeConfig(config: MaeConfig): void {
  assertVitConfig(config);
  const { decoderDim, decoderDepth, decoderHeads } = config;
  for (const [name, value] of Object.entries({ decoderDim, decoderDepth, decoderHeads }))
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`${name} must be a positive whole number, got ${value}`);
  if (decoderDim % decoderHeads !== 0)
    throw new Error(`decoder width ${decoderDim} does not divide into ${decoderHeads} heads`);
  if (decoderDim % 4 !== 0)
    throw new Error(
      `decoder width ${decoderDim} must be a multiple of 4 for 2-D sin-cos position embeddings`,
    );
}

/** The paper's decoder (section 4): 8 blocks of width 512 with 16 heads. */
const PAPER_DECODER = {
  decoderDim: 512,
  decoderDepth: 8,
  decoderHeads: 16,
  encoderMaskTokens: false,
} as const;

/** A masked autoencoder with one of the presets as its encoder and the paper's decoder. */
export function maePreset(name: VitPreset, overrides: Partial<MaeConfig> = {}): MaeConfig {
  return { ...vitPreset(name), ...PAPER_DECODER, ...overrides };
}

/**
 * Small models for small images on small machines.
 * - `tiny`: 28 x 28 grey, patch 4, about 0.13 M parameters: MNIST on a laptop's CPU in minutes.
 * - `small`, `cifar`: 32 x 32 colour, patch 4: the project's benchmark configurations.
 */
export type SmallPreset = 'tiny' | 'small' | 'cifar';

const SMALL: Readonly<Record<SmallPreset, MaeConfig>> = {
  tiny: {
    ...{ imageSize: [28, 28], patchSize: [4, 4], channels: 1, dim: 64, depth: 3, heads: 4, mlpRatio: 2 },
    ...{ decoderDim: 48, decoderDepth: 1, decoderHeads: 3, encoderMaskTokens: false },
  },
  small: {
    ...{ imageSize: [32, 32], patchSize: [4, 4], channels: 3, dim: 96, depth: 4, heads: 3, mlpRatio: 4 },
    ...{ decoderDim: 64, decoderDepth: 2, decoderHeads: 2, encoderMaskTokens: false },
  },
  cifar: {
    ...{ imageSize: [32, 32], patchSize: [4, 4], channels: 3, dim: 192, depth: 12, heads: 3, mlpRatio: 4 },
    ...{ decoderDim: 192, decoderDepth: 4, decoderHeads: 3, encoderMaskTokens: false },
  },
};

/** A small preset, with any field changed. */
export function smallMaePreset(name: SmallPreset, overrides: Partial<MaeConfig> = {}): MaeConfig {
  return { ...SMALL[name], ...overrides };
}
