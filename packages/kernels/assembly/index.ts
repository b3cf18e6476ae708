// The module's exports. It imports a memory and allocates nothing in it: all addresses are arguments.

export { attentionBackward, attentionForward, attentionScratchBytes } from './attention';
export { columnSums } from './column-sums';
export { gemm, gemmScratchBytes } from './gemm';
