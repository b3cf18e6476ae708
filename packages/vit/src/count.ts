import { patchValues, tokenCount, type VitConfig } from './config.js';

/** Parameters of a stack of blocks. */
export function blocksParameters(depth: number, dim: number, mlpRatio: number): number {
  const hidden = Math.round(dim * mlpRatio);
  const attention = dim * 3 * dim + 3 * dim + dim * dim + dim;
  const feedForward = dim * hidden + hidden + hidden * dim + dim;
  return depth * (attention + feedForward + 4 * dim);
}

/** Trainable parameters of a ViT encoder: class token, patch embedding, blocks, last norm; no positions. */
export function encoderParameters(config: VitConfig): number {
  const { dim, depth, mlpRatio } = config;
  return dim + (patchValues(config) + 1) * dim + blocksParameters(depth, dim, mlpRatio) + 2 * dim;
}

/** Multiply-adds, as 2 FLOPs each, of one forward pass of blocks over `tokens` tokens of one sample. */
export function blocksFlops(depth: number, dim: number, mlpRatio: number, tokens: number): number {
  const hidden = Math.round(dim * mlpRatio);
  const products = tokens * (4 * dim * dim + 2 * dim * hidden);
  const attention = 2 * tokens * tokens * dim;
  return 2 * depth * (products + attention);
}

/** FLOPs of one forward pass of the encoder on one image, over `visible` patches and the class token. */
export function encoderFlops(config: VitConfig, visible: number = tokenCount(config)): number {
  const { dim, depth, mlpRatio } = config;
  return 2 * visible * patchValues(config) * dim + blocksFlops(depth, dim, mlpRatio, visible + 1);
}
