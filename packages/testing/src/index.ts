export { checkOp, loadTfjsGradients, type OpCheck } from './check-op.js';
export { type Difference, difference, expectClose, type Numbers } from './close-to.js';
export {
  describeInHalfPrecision,
  describeOnBackend,
  describeOnEveryBackend,
  HALF_PRECISION,
} from './conformance.js';
export { gradientsOf, randomTensor } from './gradient-check.js';
export { expectNoLeak } from './leak-check.js';
export { mutate } from './mutate.js';
export { sharedFolder } from './shared-folder.js';
export { validateWgsl } from './validate-wgsl.js';
