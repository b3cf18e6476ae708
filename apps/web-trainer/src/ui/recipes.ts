import type { SettingsLayer } from '@maehem/settings';
import type { DataSource } from '../data/source.js';

/**
 * Settings that show learning soon on a small machine, by what the pictures are; everything else is the schema's.
 *
 * Many small steps. Raw pixels are predicted, not normalised patches as in the paper's best runs: those can be drawn
 * only with the true mean and spread of every hidden patch, and an untrained model then seems to know half of the
 * picture. Digits have no flips (which make other digits) and no crops.
 */
export function recipe(source: DataSource): SettingsLayer {
  const small = {
    ...{ batch: 32, normPix: false, onBadImage: 'skip' },
    optimizer: { baseLr: 16e-3, warmupEpochs: 0.3, clipNorm: 1 },
  };
  if (source.kind === 'mnist')
    return { ...small, model: { preset: 'tiny' }, epochs: 15, augment: { crop: false, flip: false } };
  return { ...small, model: { preset: 'small' }, epochs: 30, batch: 16 };
}

/** Digits of the data set that is there without asking for it: two files, 2 MB. */
export const FIRST_DIGITS = 10_000;
