import { openBackend } from '@maehem/backend';
import type { Mae } from '@maehem/mae';
import { adamw } from '@maehem/optim';
import type { PretrainBatch, Pretrainer } from '@maehem/train';
import { createParallelPretrainer } from '@maehem/train/node';
import { fromEntries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { assertFloat32, type Engine, type Peer } from '../peer.js';
import type { TensorEntry, Workload } from '../workload.js';

/**
 * The project's own step, through the trainer that the CLI uses.
 * @param xla compile the step with XLA, where the backend is tensorflow
 */
export function createMaehem(threads = 1, xla = false): Peer {
  let trainer: Pretrainer | undefined;
  let batch: PretrainBatch | undefined;
  return {
    name: 'maehem',
    init: async (workload, engine) => {
      await open(engine, xla);
      trainer = createTrainer(workload, threads);
      batch = uploadBatch(workload);
    },
    step: async () => {
      if (trainer === undefined || batch === undefined) throw new Error('maehem: init comes before step');
      return (await trainer.step([batch])).loss;
    },
  };
}

async function open(engine: Engine, xla: boolean): Promise<void> {
  const { backend, precision } = engine;
  if (backend !== 'tensorflow') assertFloat32('maehem', engine);
  await openBackend(backend, { precision, xla });
}

export function createTrainer(workload: Workload, threads: number): Pretrainer {
  const { config, adamw: settings, tensors } = workload;
  const weights = tensors.filter(({ role }) => role !== 'data');
  const treatments = Object.fromEntries(
    weights.map(({ name, weightDecay }) => [name, { lrScale: 1, weightDecay }]),
  );
  const { lr, beta1, beta2, eps } = settings;
  const optimizer = adamw({ schedule: () => lr, treatments, beta1, beta2, eps });
  const params = fromEntries(
    weights.map((entry) => [entry.name, tensorOf(workload, entry)] as const),
  ) as unknown as Mae;
  return createParallelPretrainer(
    { model: config, objective: { normPix: true }, optimizer, accumulate: 1, clipNorm: null },
    { params },
    { threads },
  );
}

export function uploadBatch(workload: Workload): PretrainBatch {
  const data = (name: string): tf.Tensor => {
    const entry = workload.tensors.find((tensor) => tensor.name === name);
    if (entry === undefined) throw new Error(`the workload lacks ${name}`);
    return tensorOf(workload, entry);
  };
  return {
    patches: data('patches') as tf.Tensor3D,
    plan: {
      idsKeep: data('idsKeep') as tf.Tensor2D,
      idsRestore: data('idsRestore') as tf.Tensor2D,
      mask: data('mask') as tf.Tensor2D,
    },
  };
}

function tensorOf(workload: Workload, entry: TensorEntry): tf.Tensor {
  return tf.tensor(workload.read(entry), [...entry.shape], entry.dtype);
}
