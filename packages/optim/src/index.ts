export { type AdamwOptions, adamw } from './adamw.js';
export { addGradients, clipScale, globalNorm } from './gradients.js';
export { type LarsOptions, lars } from './lars.js';
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
export { type SgdOptions, sgd } from './sgd.js';
