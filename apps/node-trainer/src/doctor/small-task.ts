import type { MaeConfig } from '@maehem/mae';
import { initMae } from '@maehem/mae';
import { adamw, pretrainGroups } from '@maehem/optim';
import { randomMasking, uploadPlan } from '@maehem/patches';
import { type Key, normal } from '@maehem/random';
import { type PretrainBatch, type PretrainStart, type PretrainTask, splitParams } from '@maehem/train';
import { patchValues, tokenCount } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';

/** Pretraining from a key: the same weights, patches and masks wherever it runs. */
export interface SmallTask {
  readonly task: PretrainTask;
  readonly start: PretrainStart;
  readonly batch: PretrainBatch;
}

/** Norm-pix loss, mask ratio 0.75, AdamW. */
export function smallTask(key: Key, model: MaeConfig, samples: number): SmallTask {
  const params = initMae(key, model);
  const treatments = pretrainGroups(splitParams(params).trainable, 0.05);
  const optimizer = adamw({ schedule: () => 1e-3, treatments });
  const [tokens, values] = [tokenCount(model), patchValues(model)];
  const plan = randomMasking(key, { batch: samples, tokens, ratio: 0.75 });
  const patches = tf.tensor3d(normal(key, samples * tokens * values), [samples, tokens, values]);
  return {
    task: { model, objective: { normPix: true }, optimizer, accumulate: 1, clipNorm: null },
    start: { params },
    batch: { patches, plan: uploadPlan(plan) },
  };
}
