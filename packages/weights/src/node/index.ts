export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type TensorSource,
  writeSafetensors,
} from './safetensors-file.js';
export { syncFolder, writeFileAtomic } from './write-file-atomic.js';
