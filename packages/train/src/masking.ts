import {
  blockMasking,
  gridMasking,
  keepCount,
  type MaskPlan,
  patchGrid,
  randomMasking,
} from '@maehem/patches';
import type { Key } from '@maehem/random';
import { tokenCount, type VitConfig } from '@maehem/vit';
import type { MaskConfig } from './pretrain-config.js';

/** A masking plan by the configured strategy, for a batch of images. */
export function maskPlan(key: Key, mask: MaskConfig, model: VitConfig, batch: number): MaskPlan {
  const { shape, tokens } = patchGrid(...model.imageSize, model.patchSize);
  const { ratio } = mask;
  if (mask.strategy === 'random') return randomMasking(key, { batch, tokens, ratio });
  const strategy = mask.strategy === 'block' ? blockMasking : gridMasking;
  return strategy(key, { batch, grid: shape, ratio });
}

/** Number of visible patches under a configuration. */
export function visibleTokens(mask: MaskConfig, model: VitConfig): number {
  return keepCount(tokenCount(model), mask.ratio);
}
