export { assertGridShape, type GridShape, type PatchGrid, patchGrid } from './grid.js';
export { interpolatePositionEmbedding } from './interpolate.js';
export { assertMaskRatio, keepCount, type MaskPlan, planFromOrders, uploadPlan } from './mask-plan.js';
export { patchify, unpatchify } from './patchify.js';
export { type MaskingOptions, maskingFromNoise, randomMasking } from './random-masking.js';
export { type SinCosOptions, sinCosPositionEmbedding } from './sincos.js';
export { blockMasking, type GridMaskingOptions, gridMasking } from './structured-masking.js';
