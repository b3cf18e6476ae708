export type { CheckpointInfo } from '../checkpoint.js';
export {
  latestCheckpoint,
  loadCheckpoint,
  loadClassifier,
  loadEncoder,
  loadFinetuneCheckpoint,
  loadMae,
  modelFile,
  readCheckpointInfo,
  type SaveOptions,
  saveCheckpoint,
  type WriteTensors,
} from './checkpoint-store.js';
export {
  type MetricRecord,
  type MetricsWriter,
  openMetrics,
  type ReadMetricRecord,
  readMetrics,
} from './metrics.js';
export { createParallelPretrainer, type ThreadOptions, threadsUnavailable } from './parallel-pretrainer.js';
export { openTensorBoard, type TensorBoardOptions, type TensorBoardWriter } from './tensorboard.js';
