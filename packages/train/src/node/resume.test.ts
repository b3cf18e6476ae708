import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { smallMaePreset } from '@maehem/mae';
import { fold, normal, seed } from '@maehem/random';
import { describeOnEveryBackend } from '@maehem/testing';
import { entries } from '@maehem/tree';
import { TensorMismatchError } from '@maehem/weights';
import { writeSafetensors } from '@maehem/weights/node';
import type * as tf from '@tensorflow/tfjs-core';
import { afterAll, expect, it } from 'vitest';
import {
  createPretraining,
  type ImageBatch,
  type PretrainConfig,
  type PretrainRun,
  pretrainDefaults,
} from '../index.js';
import {
  latestCheckpoint,
  loadCheckpoint,
  loadEncoder,
  loadMae,
  modelFile,
  saveCheckpoint,
} from './index.js';

const model = smallMaePreset('small', {
  ...{ imageSize: [16, 16], dim: 24, depth: 1, heads: 2, decoderDim: 16, decoderDepth: 1 },
});
const unclipped: PretrainConfig = pretrainDefaults(model, { batch: 2, epochs: 3, seed: 5 });
const folder = mkdtempSync(join(tmpdir(), 'maehem-checkpoints-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function* images(epoch: number, start: number): AsyncGenerator<ImageBatch> {
  for (let b = start; b < 4; b++) yield { images: normal(fold(fold(seed(9), epoch), b), 2 * 16 * 16 * 3) };
}

async function advance(run: PretrainRun, count: number): Promise<void> {
  for await (const { step } of run.steps(images)) if (step >= count) break;
}

const bytes = (run: PretrainRun) =>
  Promise.all(
    entries<tf.Tensor>({ params: run.trainer.params(), state: run.trainer.optimizerState() } as never).map(
      async ([path, tensor]) => [path, [...(await tensor.data())]] as const,
    ),
  );

describeOnEveryBackend('checkpoints', (backend) => {
  const at = join(folder, backend);
  const config = unclipped;

  it.each([0.1, null])(
    'resume to the same weights, to the bit, in the middle of an epoch, clipped to %s',
    async (clipNorm) => {
      const config = { ...unclipped, optimizer: { ...unclipped.optimizer, clipNorm } };
      const straight = createPretraining(config, 4);
      await advance(straight, 10);
      const first = createPretraining(config, 4);
      await advance(first, 5);
      await saveCheckpoint(at, { trainer: first.trainer, config, extra: { note: 'x' }, keep: 2 });
      first.dispose();
      const { info, state } = await loadCheckpoint((await latestCheckpoint(at))!);
      expect(info.extra).toEqual({ note: 'x' });
      expect(info.config).toEqual(config);
      const second = createPretraining(info.config, 4, state);
      expect(second.trainer.stepIndex).toBe(5);
      await advance(second, 10);
      expect(await bytes(second)).toEqual(await bytes(straight));
      second.dispose();
      straight.dispose();
    },
  );

  it('keep the newest, and survive a failed save', async () => {
    const run = createPretraining(config, 4);
    for (const step of [1, 2, 3]) {
      await advance(run, step);
      await saveCheckpoint(at, { trainer: run.trainer, config, keep: 2 });
    }
    // The older run's checkpoint of step 5 counts as the newest.
    expect(readdirSync(at).sort()).toEqual(['step-00000003', 'step-00000005']);
    await advance(run, 4);
    const fullDisk: typeof writeSafetensors = async (path, tensors, metadata) => {
      if (path.includes('optimizer')) throw new Error('ENOSPC: no space left on device, write');
      await writeSafetensors(path, tensors, metadata);
    };
    await expect(
      saveCheckpoint(at, { trainer: run.trainer, config, keep: 2, write: fullDisk }),
    ).rejects.toThrow(/ENOSPC.*earlier checkpoints are intact/);
    expect(readdirSync(at).sort()).toEqual(['step-00000003', 'step-00000005']);
    run.dispose();
  });

  it('of another architecture are refused, tensor by tensor', async () => {
    const file = modelFile((await latestCheckpoint(at))!);
    await expect(loadMae(file, { ...model, depth: 2, decoderDim: 32 })).rejects.toThrow(TensorMismatchError);
    await expect(loadMae(file, { ...model, depth: 2 })).rejects.toThrow('blocks.1.norm1.weight: missing');
    await expect(loadMae(file, { ...model, decoderDim: 32 })).rejects.toThrow(
      'mask_token: expected [1,1,32], found [1,1,16]',
    );
    const encoder = await loadEncoder(file, { ...model, decoderDim: 32 });
    expect(encoder.cls_token.shape).toEqual([1, 1, 24]);
  });
});
