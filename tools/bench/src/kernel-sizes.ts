import { patchValues, tokenCount } from '@maehem/vit';
import { CONFIGS, type ConfigName, MASK_RATIO } from './configs.js';
import type { KernelSizes } from './kernel-case.js';

/** What the encoder, of visible tokens, and the decoder, of all, ask of kernels in a pretraining step. */
export function kernelSizes(config: ConfigName, batch: number): [encoder: KernelSizes, decoder: KernelSizes] {
  const model = CONFIGS[config];
  const tokens = tokenCount(model);
  const common = { batch, patch: patchValues(model), classes: config === 'nano' ? 10 : 1000 };
  return [
    {
      ...common,
      tokens: Math.floor(tokens * (1 - MASK_RATIO)),
      ...{ dim: model.dim, heads: model.heads },
    },
    { ...common, tokens, dim: model.decoderDim, heads: model.decoderHeads },
  ];
}
