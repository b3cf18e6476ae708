import { blockMasking, gridMasking, keepCount, type MaskPlan, randomMasking } from '@maehem/patches';
import type { Key } from '@maehem/random';
import { tokenCount, type VitConfig } from '@maehem/vit';
import type { MaskConfig } from './pretrain-config.js';

/** A masking plan by the configured strategy, for a batch of images. */
export function maskPlan(key: Key, mask: MaskConfig, model: VitConfig, batch: number): MaskPlan {
  const grid = [model.imageSize[0] / model.patchSize[0], model.imageSize[1] / model.patchSize[1]] as const;
  const { ratio } = mask;
  if (mask.strategy === 'random') return randomMasking(key, { batch, tokens: tokenCount(model), ratio });
  const strategy = mask.strategy === 'block' ? blockMasking : gridMasking;
  return strategy(key, { batch, grid, ratio });
}

/** Number of visible patches under a configuration. */
export function visibleTokens(mask: MaskConfig, model: VitConfig): number {
  return keepCount(tokenCount(model), mask.ratio);
}
