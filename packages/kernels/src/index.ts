export type { GpuEngine } from '@maehem/backend';
export { accumulate } from './accumulate/accumulate.js';
export { adamw } from './adamw/adamw.js';
export type { AdamwAttrs, AdamwInputs } from './adamw/inputs.js';
export { attention } from './attention/attention.js';
export { attentionProbabilities } from './attention/gradient.js';
export { attentionBranch, type Branch, type BranchOptions, mlpBranch } from './branch/branch.js';
export { softmaxCrossEntropy } from './cross-entropy/cross-entropy.js';
export { differentiable, type Forward, type Gradient } from './dispatch/differentiable.js';
export { floats, integers } from './dispatch/host-views.js';
export {
  defineKernel,
  type Kernel,
  type KernelAttrs,
  type KernelInfos,
  type KernelInputs,
  type KernelMode,
  type KernelRawTensors,
  type KernelSpec,
  kernelModes,
  withKernelMode,
} from './dispatch/kernel.js';
export { asRows } from './dispatch/rows.js';
export { gatherTokens, restoreTokens, selectTokens, type TokenIds } from './gather-tokens/gather-tokens.js';
export { gelu } from './gelu/gelu.js';
export { LAYER_NORM_EPS, type LayerNorm, layerNorm } from './layer-norm/layer-norm.js';
export { type Linear, type LinearOptions, linear, linearPlus } from './linear/linear.js';
export { type MatMulAttrs, matMul } from './matmul/matmul.js';
export { mlp } from './mlp/mlp.js';
export { add } from './structure/add.js';
export { prependClassToken, sliceTokens } from './structure/class-token.js';
export { meanTokens } from './structure/mean-tokens.js';
export { reshape } from './structure/reshape.js';
export { scaleSamples } from './structure/scale-samples.js';
export {
  type TunedKernel,
  type TuneOptions,
  type TuneOutcome,
  type TuneProgress,
  tuneKernels,
} from './tuning/tune.js';
export {
  adapterKey,
  joinTunings,
  type Measured,
  summariseTuning,
  type Tuning,
  tuningInUse,
  useTuning,
} from './tuning/tuning.js';
export { emptyTuning, tuningFrom, tuningText } from './tuning/tuning-file.js';
export { prepareWasmKernels } from './wasm/module-loading.js';
export type { WasmMemory } from './wasm/wasm-memory.js';
export { dispatch, elements, f32, spread, type Uniform, u32, type WgslCall } from './webgpu/dispatch.js';
export {
  eachStep,
  type RowGroups,
  readRow,
  rowGroups,
  rowReduction,
  rowsEntry,
  rowsHead,
  type Step,
  stepTotal,
} from './webgpu/rows.js';
export {
  addStrided,
  sumOf,
  type WorkgroupSum,
  workgroupSum,
  workgroupSumEntry,
  workgroupSumFunction,
  workgroupSumHead,
} from './webgpu/sum.js';
