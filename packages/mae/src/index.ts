export { assertMaeConfig, type MaeConfig, maePreset, type SmallPreset, smallMaePreset } from './config.js';
export { type MaeParameters, maeFlops, maeParameters } from './count.js';
export { decode } from './decoder.js';
export { encode, encodeAll, encoderAttention } from './encoder.js';
export { type DevicePlan, type MaeObjective, maeLoss, reconstruct } from './mae.js';
export { initMae, isDecoder, isTrainable, type Mae, type MaeDecoder, type MaeEncoder } from './params.js';
export { encoderShapes, maeShapes } from './shapes.js';
