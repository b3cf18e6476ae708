export { DivergenceError, type DivergenceReport, watchDivergence } from './divergence.js';
export {
  extractFeatures,
  type FeaturePooling,
  type Features,
  type ImageBatch,
  poolFeatures,
} from './features.js';
export { type GradientSource, localGradients } from './gradient-source.js';
export { downloadTree, uploadTensor, uploadTree } from './host-tensors.js';
export { type LinearProbeOptions, linearProbe, type ProbeResult } from './linear-probe.js';
export { maskPlan, visibleTokens } from './masking.js';
export {
  createPretraining,
  type EpochBatches,
  type PretrainingOptions,
  type PretrainRun,
  runKeys,
  type StepReport,
  type TrainingState,
  uploadBatch,
} from './pretrain.js';
export {
  type MaskConfig,
  type PretrainConfig,
  type PretrainOptimizerConfig,
  pretrainDefaults,
} from './pretrain-config.js';
export {
  type GradientTask,
  joinParams,
  type PretrainBatch,
  type PretrainParams,
  type PretrainTask,
  splitParams,
} from './pretrain-step.js';
export {
  describeLoad,
  type InterpolatedName,
  type LoadOptions,
  type LoadReport,
  loadPretrained,
  maeConfigOf,
  vitConfigOf,
} from './pretrained.js';
export { createPretrainer, type Pretrainer, type PretrainStart, type StepResult } from './pretrainer.js';
