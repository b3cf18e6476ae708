export { evaluationImages, normalisationName, trainingImages } from './images.js';
export { getPath, overlay, type SettingsLayer, setPath } from './layers.js';
export {
  MODEL_PRESETS,
  modelConfig,
  type PretrainSettings,
  parseSettings,
  pretrainConfig,
  SettingsError,
} from './schema.js';
