export { modelConfig, type PretrainSettings, parseSettings, SettingsError } from '@maehem/settings';
export { createProgram } from './program.js';
export { type RunOutcome, runPretraining } from './run.js';
