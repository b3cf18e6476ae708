import { type MaeConfig, maePreset, smallMaePreset } from '@maehem/mae';

const NANO: Partial<MaeConfig> = {
  ...{ patchSize: [8, 8], dim: 32, heads: 2, decoderDim: 32, decoderHeads: 2 },
};

/**
 * The sizes at which steps are timed: two small ones for 32 x 32 images, and ViT-B/16, ViT-L/16 and ViT-H/14 with the paper's
 * decoder; and for software GPUs one that is next to nothing, and one that is nothing but as deep as ViT-B/16, for
 * counting what a step asks of a GPU.
 */
export const CONFIGS: Readonly<
  Record<'nano' | 'deep' | 'small' | 'cifar' | 'b16' | 'l16' | 'h14', MaeConfig>
> = {
  nano: smallMaePreset('small', { ...NANO, depth: 2, decoderDepth: 1 }),
  deep: smallMaePreset('small', { ...NANO, depth: 12, decoderDepth: 8 }),
  small: smallMaePreset('small'),
  cifar: smallMaePreset('cifar'),
  b16: maePreset('vit-b'),
  l16: maePreset('vit-l'),
  h14: maePreset('vit-h'),
};

export type ConfigName = keyof typeof CONFIGS;

/** The paper's mask ratio (section 4.1). */
export const MASK_RATIO = 0.75;
