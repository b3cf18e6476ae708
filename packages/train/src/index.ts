export {
  type CheckpointConfigs,
  type CheckpointInfo,
  type CheckpointKind,
  classifierFromTensors,
  describeCheckpoint,
  downloadOptimizerState,
  encoderFromTensors,
  MODEL_FILE,
  maeFromTensors,
  OPTIMIZER_FILE,
  parseCheckpointInfo,
  STATE_FILE,
  uploadOptimizerState,
  uploadStateOf,
} from './checkpoint.js';
export { type Classification, evaluateClassifier } from './classification.js';
export { type DeviceImages, patchesOf, uploadImages } from './device-images.js';
export { DivergenceError, type DivergenceReport, watchDivergence } from './divergence.js';
export {
  extractFeatures,
  type FeaturePooling,
  type Features,
  type ImageBatch,
  poolFeatures,
} from './features.js';
export {
  averagedParams,
  classifierFrom,
  createFinetuning,
  FINETUNE_HEAD_STD,
  type FinetuneRun,
} from './finetune.js';
export {
  type FinetuneConfig,
  type FinetuneOptimizerConfig,
  finetuneDefaults,
  finetuneKeys,
  scratchDefaults,
} from './finetune-config.js';
export { type FinetuneBatch, finetuneTask, uploadFinetuneBatch } from './finetune-task.js';
export { type GradientSource, localGradients } from './gradient-source.js';
export { downloadTree, uploadTensor, uploadTree } from './host-tensors.js';
export { maskPlan, visibleTokens } from './masking.js';
export { assertTunedBlocks, isTuned } from './partial-tuning.js';
export {
  createPretraining,
  type PretrainingOptions,
  type PretrainRun,
  runKeys,
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
  type PretrainBatch,
  type PretrainTask,
  pretrainObjective,
  splitParams,
} from './pretrain-task.js';
export {
  describeInterpolation,
  describeLoad,
  type InterpolatedName,
  type LoadOptions,
  type LoadReport,
  loadPretrained,
  maeConfigOf,
  resizeModel,
  vitConfigOf,
} from './pretrained.js';
export { createPretrainer, type Pretrainer, type PretrainStart } from './pretrainer.js';
export { type KnnProbeOptions, type KnnResult, knnProbe } from './probe/knn-probe.js';
export { type LarsProbeOptions, larsProbe } from './probe/lars-probe.js';
export { type LinearProbeOptions, linearProbe } from './probe/linear-probe.js';
export type { ProbeResult } from './probe/probe-sets.js';
export { lowPassProjection, pcaProjection } from './target-projection.js';
export { createTrainer, type StepResult, type Trainer, type TrainerStart } from './trainer.js';
export {
  createTrainingRun,
  type EpochBatches,
  planRun,
  type RunLength,
  type RunPlan,
  type StartingState,
  type StepReport,
  type TrainingRun,
} from './training-run.js';
export {
  joinParams,
  type Objective,
  splitTree,
  type TrainingParams,
  type TrainingTask,
  templateOf,
} from './training-step.js';
export { type StepGain, type TrainingTuning, tuneFinetuning, tunePretraining } from './tune-training.js';
