export { modelConfig, type PretrainSettings, parseSettings, SettingsError } from './config/schema.js';
export { createProgram } from './program.js';
export { type RunOutcome, runPretraining } from './run.js';
