export { type FileSource, openFileSource } from './file-source.js';
export { type Closable, openModel, openWeightsFile } from './model-path.js';
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors-file.js';
export { syncFolder, writeFileAtomic } from './write-file-atomic.js';
export { type ModelTarget, targetOfPath, type WrittenModel, writeModel } from './write-model.js';
