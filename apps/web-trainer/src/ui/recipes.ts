import type { SettingsLayer } from '@maehem/settings';
import type { DataSource } from '../data/source.js';

/**
 * Settings that show learning soon on a small machine, by what the pictures are; everything else is the schema's.
 * For digits those of `maehem demo`: many small steps, no flips (which make other digits) and no crops.
 */
export function recipe(source: DataSource): SettingsLayer {
  const small = {
    batch: 32,
    onBadImage: 'skip',
    optimizer: { baseLr: 16e-3, warmupEpochs: 0.3, clipNorm: 1 },
  };
  if (source.kind === 'mnist')
    return { ...small, model: { preset: 'tiny' }, epochs: 15, augment: { crop: false, flip: false } };
  return { ...small, model: { preset: 'small' }, epochs: 30, batch: 16 };
}

/** Digits of the data set that is there without asking for it: two files, 2 MB. */
export const FIRST_DIGITS = 10_000;
