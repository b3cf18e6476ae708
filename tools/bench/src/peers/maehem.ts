import { type Backend, type OpenOptions, openBackend } from '@maehem/backend';
import type { Mae } from '@maehem/mae';
import { adamw } from '@maehem/optim';
import {
  createPretrainer,
  type PretrainBatch,
  type Pretrainer,
  type PretrainStart,
  type PretrainTask,
} from '@maehem/train';
import { fromEntries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { assertFloat32, type Peer } from '../peer.js';
import type { TensorEntry, Workload } from '../workload.js';

/** How the own peer is made where one thread of the default is not wanted. */
export interface MaehemOptions {
  readonly open?: Omit<OpenOptions, 'precision'>;
  readonly makePretrainer?: MakePretrainer;
}

type MakePretrainer = (task: PretrainTask, start: PretrainStart) => Pretrainer;

/** The project's own step, through the trainer that the CLI uses. */
export function createMaehem({ open = {}, makePretrainer = createPretrainer }: MaehemOptions = {}): Peer {
  let opened: Backend | undefined;
  let trainer: Pretrainer | undefined;
  let batch: PretrainBatch | undefined;
  return {
    name: 'maehem',
    init: async (workload, engine) => {
      const { backend, precision, recompute = 0, tensorCores } = engine;
      if (backend !== 'tensorflow' && backend !== 'webgpu') assertFloat32('maehem', engine);
      opened = await openBackend(backend, { ...open, precision, ...(tensorCores && { tensorCores }) });
      trainer = createTrainer(workload, (task, start) => makePretrainer({ ...task, recompute }, start));
      batch = uploadBatch(workload);
    },
    step: async () => {
      if (trainer === undefined || batch === undefined) throw new Error('maehem: init comes before step');
      return (await trainer.step([batch])).loss;
    },
    heapBytes: () => opened?.memory().heapBytes,
  };
}

export function createTrainer(workload: Workload, makePretrainer: MakePretrainer): Pretrainer {
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
  return makePretrainer(
    { model: config, objective: { normPix: true }, optimizer, accumulate: 1, clipNorm: null },
    { params },
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
