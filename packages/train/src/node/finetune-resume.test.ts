import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose } from '@maehem/backend';
import { fold, normal, seed } from '@maehem/random';
import { describeOnEveryBackend } from '@maehem/testing';
import { entries } from '@maehem/tree';
import type { ClassifierConfig } from '@maehem/vit';
import type * as tf from '@tensorflow/tfjs-core';
import { afterAll, expect, it } from 'vitest';
import {
  averagedParams,
  classifierFrom,
  createFinetuning,
  type FinetuneRun,
  finetuneDefaults,
  type ImageBatch,
} from '../index.js';
import { loadClassifier, loadFinetuneCheckpoint, readCheckpointInfo, saveCheckpoint } from './index.js';

const model: ClassifierConfig = {
  ...{ imageSize: [8, 8], patchSize: [4, 4], channels: 1, dim: 12, depth: 1, heads: 2, mlpRatio: 2 },
  ...{ classes: 3, pooling: 'class' },
};
const folder = mkdtempSync(join(tmpdir(), 'maehem-finetune-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function* images(epoch: number, start: number): AsyncGenerator<ImageBatch> {
  for (let b = start; b < 4; b++)
    yield { images: normal(fold(fold(seed(9), epoch), b), 4 * 64), labels: Int32Array.of(0, 1, 2, b % 3) };
}

async function advance(run: FinetuneRun, count: number): Promise<void> {
  for await (const { step } of run.steps(images)) if (step >= count) break;
}

async function bytes(tree: object): Promise<[string, number[]][]> {
  return Promise.all(
    entries<tf.Tensor>(tree as never).map(async ([path, tensor]) => [path, [...(await tensor.data())]]),
  );
}

/** By path: a checkpoint lists the optimizer's slots in another order. */
async function stateOf({ trainer }: FinetuneRun): Promise<Map<string, number[]>> {
  return new Map(await bytes({ params: trainer.params(), state: trainer.optimizerState() }));
}

describeOnEveryBackend('fine-tuning checkpoints', (backend) => {
  it('resume to the same weights and averages, to the bit, in the middle of an epoch', async () => {
    const config = finetuneDefaults(model, { batch: 4, epochs: 3, seed: 5, ema: 0.9 });
    const fresh = () => ({ params: classifierFrom(model, seed(1)), stepIndex: 0 });
    const straight = createFinetuning(config, 4, fresh());
    await advance(straight, 8);
    const first = createFinetuning(config, 4, fresh());
    await advance(first, 5);
    const path = await saveCheckpoint(join(folder, backend), {
      ...{ trainer: first.trainer, config, kind: 'finetune', keep: 2 },
      averaged: averagedParams(first.trainer),
    });
    const averages = await loadClassifier(join(path, 'model_ema.safetensors'), model);
    expect(await bytes(averages)).toEqual(await bytes(averagedParams(first.trainer)));
    dispose(averages);
    first.dispose();
    await expect(readCheckpointInfo(path)).rejects.toThrow('is of a fine-tuned classifier');
    const { info, state } = await loadFinetuneCheckpoint(path);
    expect(info.config).toEqual(config);
    const second = createFinetuning(info.config, 4, state);
    await advance(second, 8);
    expect(await stateOf(second)).toEqual(await stateOf(straight));
    second.dispose();
    straight.dispose();
  });
});
