import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import {
  loadTensorFlow,
  searchTensorFlow,
  setupCommand,
  type TensorFlowInstallation,
} from '@maehem/setup-tensorflow';
import * as tf from '@tensorflow/tfjs-core';
import type { BackendProvider, OpenOptions } from '../provider.js';
import { tensorflowEngine } from './binding.js';
import { ownMemory } from './own-memory.js';
import { acceptResidents } from './resident.js';
import { settings } from './settings.js';

/** TensorFlow's C library through tfjs-node's binding: CUDA, or all cores of the CPU. Node only. */
export const tensorflowProvider: BackendProvider = {
  name: 'tensorflow',
  precisions: ['bfloat16'],
  unavailable: async () => {
    const found = await installation();
    return typeof found === 'string' ? found : undefined;
  },
  register: async (options) => {
    configure(options);
    if (tf.findBackendFactory('tensorflow') !== null) return;
    const found = await installation();
    if (typeof found === 'string') throw new Error(`tensorflow: ${found}`);
    await loadTensorFlow(found);
    const engine = tensorflowEngine(tf.engine().findBackend('tensorflow'));
    ownMemory(engine);
    acceptResidents(engine);
  },
  describe: async () => {
    const { binding } = tensorflowEngine(tf.backend());
    const gpu = binding.isUsingGpuDevice();
    return {
      description: `TensorFlow ${binding.TF_Version} on ${gpu ? 'a CUDA GPU' : 'the CPU'}`,
      capabilities: {
        device: gpu ? 'gpu' : 'cpu',
        sharedMemory: false,
        float16: false,
        threads: availableParallelism(),
        maxTensorBytes: Number.POSITIVE_INFINITY,
      },
    };
  },
};

function configure({ precision, xla = false }: OpenOptions): void {
  settings.bfloat16 = precision === 'bfloat16';
  settings.xla = xla;
}

/** What to load, or why there is nothing. */
async function installation(): Promise<TensorFlowInstallation | string> {
  const { installations, problems } = await searchTensorFlow();
  if (installations[0] !== undefined) return installations[0];
  const advice = `\`npx ${setupCommand('cpu')}\` builds TensorFlow for Node`;
  return problems.length > 0 ? problems.join('; ') : `there is no TensorFlow for Node here; ${advice}`;
}

/** Only for `auto`, which asks for a GPU first: TensorFlow where it will run on one. */
export const tensorflowOnGpuProvider: BackendProvider = {
  ...tensorflowProvider,
  passedOver: async () => {
    const found = await installation();
    const cuda = typeof found !== 'string' && found.variant === 'cuda' && hasNvidiaDriver();
    return cuda ? undefined : 'there is no CUDA here';
  },
};

function hasNvidiaDriver(): boolean {
  return process.platform === 'win32' || existsSync('/dev/nvidiactl');
}
