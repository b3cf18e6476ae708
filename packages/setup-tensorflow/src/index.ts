export { cacheFolder } from './cache.js';
export type { TensorFlowInstallation, TensorFlowVariant } from './installation.js';
export { setupCommand } from './installation.js';
export { loadTensorFlow, type TensorFlowModule } from './load.js';
export { type LocateOptions, locateTensorFlow, searchTensorFlow, type TensorFlowSearch } from './locate.js';
export { type SetupOptions, type SetupOutcome, setupTensorFlow } from './setup.js';
