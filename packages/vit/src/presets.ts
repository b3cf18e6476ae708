import type { VitConfig } from './config.js';

/** Ti, S: Touvron et al. 2021 (DeiT); B, L: Dosovitskiy et al. 2020; H: as the MAE paper uses it, patch 14. */
export type VitPreset = 'vit-ti' | 'vit-s' | 'vit-b' | 'vit-l' | 'vit-h';

type Trunk = Pick<VitConfig, 'dim' | 'depth' | 'heads'> & { readonly patch: number };

const TRUNKS: Readonly<Record<VitPreset, Trunk>> = {
  'vit-ti': { dim: 192, depth: 12, heads: 3, patch: 16 },
  'vit-s': { dim: 384, depth: 12, heads: 6, patch: 16 },
  'vit-b': { dim: 768, depth: 12, heads: 12, patch: 16 },
  'vit-l': { dim: 1024, depth: 24, heads: 16, patch: 16 },
  'vit-h': { dim: 1280, depth: 32, heads: 16, patch: 14 },
};

/** The names of all presets, smallest first. */
export const VIT_PRESETS: readonly VitPreset[] = Object.keys(TRUNKS) as VitPreset[];

/** A preset at 224 x 224 RGB unless said otherwise. */
export function vitPreset(name: VitPreset, overrides: Partial<VitConfig> = {}): VitConfig {
  const { patch, ...trunk } = TRUNKS[name];
  return {
    imageSize: [224, 224],
    patchSize: [patch, patch],
    channels: 3,
    mlpRatio: 4,
    ...trunk,
    ...overrides,
  };
}
