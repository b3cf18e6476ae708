export {
  type CheckpointInfo,
  latestCheckpoint,
  loadCheckpoint,
  loadEncoder,
  loadMae,
  modelFile,
  readCheckpointInfo,
  type SaveOptions,
  saveCheckpoint,
  type WriteTensors,
} from './checkpoint-store.js';
