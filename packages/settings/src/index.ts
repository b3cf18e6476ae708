export { evaluationImages, normalisationName, trainingImages } from './images.js';
export {
  MODEL_PRESETS,
  modelConfig,
  type PretrainSettings,
  parseSettings,
  pretrainConfig,
  SettingsError,
} from './schema.js';
