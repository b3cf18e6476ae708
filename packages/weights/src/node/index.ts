export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type TensorSource,
  writeSafetensors,
} from './safetensors-file.js';
export { writeFileAtomic } from './write-file-atomic.js';
