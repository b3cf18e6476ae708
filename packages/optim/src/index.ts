export { type AdamwOptions, adamw } from './adamw.js';
export { EMA_SLOT, withEma } from './ema.js';
export { addGradients, clipScale, globalNorm } from './gradients.js';
export { type LarsOptions, lars } from './lars.js';
export { layerDecayScales, layerId } from './layer-decay.js';
export {
  initLossScale,
  LOSS_SCALE_PATHS,
  LOSS_SCALE_SLOT,
  type LossScale,
  lossScaleOf,
  type ScaledStep,
  stepLossScale,
} from './loss-scale.js';
export {
  type NamedTensors,
  type Optimizer,
  type OptimizerState,
  type ParameterTreatment,
  type StepNumbers,
  type StepScalars,
  type Treatments,
  treatmentOf,
  type Updated,
  type UpdateInput,
} from './optimizer.js';
export {
  finetuneGroups,
  type GroupRule,
  type NamedShapes,
  paramGroups,
  pretrainGroups,
} from './param-groups.js';
export {
  constant,
  linearScaledLr,
  type Schedule,
  type WarmupCosineOptions,
  warmupCosine,
} from './schedule.js';
export { type SgdOptions, sgd } from './sgd.js';
