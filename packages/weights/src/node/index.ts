export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors-file.js';
export { syncFolder, writeFileAtomic } from './write-file-atomic.js';
