// The module's exports. It imports a memory and allocates nothing in it: all addresses are arguments.
export { adamw } from './adamw';
export { attentionBackward, attentionForward, attentionScratchBytes } from './attention';
export { columnSums } from './column-sums';
export { gelu } from './gelu';
export { gemm, gemmScratchBytes } from './gemm';
export { layerNormBackward, layerNormForward, layerNormScratchBytes } from './layer-norm';
export { sumOfSquares } from './sum-of-squares';
