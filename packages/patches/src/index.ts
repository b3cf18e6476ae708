export { blockMasking } from './block-masking.js';
export { assertGridShape, type GridShape, type PatchGrid, patchGrid } from './grid.js';
export { gridMasking } from './grid-masking.js';
export { interpolatePositionEmbedding } from './interpolate.js';
export {
  assertMaskRatio,
  type GridMaskingOptions,
  keepCount,
  type MaskPlan,
  planFromHidden,
  planFromOrders,
  unmaskedPlan,
  uploadPlan,
} from './mask-plan.js';
export { type PixelNormalisation, patchify, unpatchify } from './patchify.js';
export { patchifyArray, unpatchifyArray } from './patchify-array.js';
export { patchifyBytes, uploadBytes } from './patchify-bytes.js';
export { type MaskingOptions, maskingFromNoise, randomMasking } from './random-masking.js';
export { type SinCosOptions, sinCosPositionEmbedding } from './sincos.js';
