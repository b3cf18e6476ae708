import type { Mae } from '@maehem/mae';
import { type PretrainBatch, type PretrainTask, pretrainObjective } from './pretrain-task.js';
import { createTrainer, type Trainer, type TrainerStart } from './trainer.js';

/** A masked autoencoder in training. */
export type Pretrainer = Trainer<Mae, PretrainBatch>;

/** Where pretraining starts. */
export type PretrainStart = TrainerStart<Mae, PretrainBatch>;

/** A pretrainer over one task. */
export function createPretrainer(task: PretrainTask, start: PretrainStart): Pretrainer {
  return createTrainer({ ...task, objective: pretrainObjective(task) }, start);
}
