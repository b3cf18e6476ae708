// The module's exports. It imports a memory and a logarithm, and allocates nothing in it: all addresses are arguments.
export { adamw } from './adamw';
export { attentionBackward, attentionForward, attentionScratchBytes } from './attention';
export { columnSums } from './column-sums';
export { crossEntropy } from './cross-entropy';
export { gelu } from './gelu';
export { gemm, gemmScratchBytes } from './gemm';
// Exported so that they stay functions: inlined into `gemm`, their sums spill and they run at half the speed.
export { sums1x8, sums2x8, sums4x8, sums5x4, sums5x8 } from './gemm';
export { layerNormBackward, layerNormForward, layerNormScratchBytes } from './layer-norm';
export { maskedMse } from './masked-mse';
export { normPix } from './norm-pix';
export { sumOfSquares } from './sum-of-squares';
export { gatherTokens, restoreTokens, takeTokens } from './tokens';
