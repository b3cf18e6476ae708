export { softmaxCrossEntropy } from '@maehem/kernels';
export { maskedMse, maskedNormPixMse } from './masked-mse.js';
export { NORM_PIX_EPS, normPixTarget } from './norm-pix.js';
export { smoothTargets } from './soft-targets.js';
