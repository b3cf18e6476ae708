export {
  createParallelPretrainer,
  type PageThreadOptions,
  type PageWorker,
  threadsUnavailable,
} from './parallel-pretrainer.js';
export { serveTrainingThread } from './serve-training-thread.js';
