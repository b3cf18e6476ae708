import * as tf from '@tensorflow/tfjs-core';
import type { BackendProvider } from './provider.js';

/** tfjs's plain JavaScript engine: slow, always there, and the yardstick for all others. */
export const cpuProvider: BackendProvider = {
  name: 'cpu',
  unavailable: async () => undefined,
  register: async () => {
    if (tf.findBackendFactory('cpu') === null) await import('@tensorflow/tfjs-backend-cpu');
  },
  describe: async () => {
    // Otherwise the first tensor prints an advertisement for tfjs-node.
    (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
    return {
      description: 'JavaScript on one core',
      capabilities: {
        device: 'cpu',
        sharedMemory: true,
        float16: false,
        threads: 1,
        maxTensorBytes: 2 ** 32,
      },
    };
  },
};
