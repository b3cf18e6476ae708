export {
  classifierConfig,
  type FinetuneSettings,
  finetuneConfig,
  parseFinetuneSettings,
} from './finetune-schema.js';
export {
  evaluationImages,
  labelledImages,
  normalisationName,
  testImages,
  trainingImages,
} from './images.js';
export { getPath, overlay, type SettingsLayer, setPath } from './layers.js';
export {
  BACKENDS,
  MODEL_PRESETS,
  modelConfig,
  PRECISIONS,
  type PretrainSettings,
  parseSettings,
  pretrainConfig,
  type Recompute,
  recomputeEvery,
  SettingsError,
  XLA,
} from './schema.js';
export {
  type AblationTable,
  type PaperFigures,
  PROBE_METHODS,
  type ProbeMethod,
  parseStudy,
  type ScratchBaseline,
  type Study,
  type Variant,
  variantId,
  variantSettings,
} from './study.js';
