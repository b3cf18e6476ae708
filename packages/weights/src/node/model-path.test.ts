import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedFolder } from '@maehem/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, loadTensor, toHuggingFace } from '../index.js';
import { openModel } from './index.js';

const NO_GOLDENS = 'no ../shared/parity beside the checkout';
const parity = sharedFolder('parity') ?? '';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maehem-model-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('models of the goldens', () => {
  beforeEach(({ skip }) => skip(parity === '', NO_GOLDENS));

  it('are autoencoders: safetensors, .pth and Hugging Face', async () => {
    for (const [path, format, dialect, epoch] of [
      ['mae_a.safetensors', 'safetensors', 'reference', undefined],
      ['mae_a.pth', 'torch zip', 'reference', 7],
      ['hf_vit_mae', 'safetensors', 'huggingface', undefined],
    ] as const) {
      const hints = path === 'hf_vit_mae' ? {} : { heads: 3, decoderHeads: 4 };
      const model = await openModel(join(parity, path), hints);
      expect(model).toMatchObject({ format, dialect });
      expect(model.notes['epoch']).toBe(epoch);
      expect(model.architecture).toMatchObject({
        kind: 'autoencoder',
        ...{ imageSize: [32, 32], patchSize: [8, 8], channels: 3, dim: 48, depth: 2, heads: 3, mlpRatio: 4 },
        decoder: { dim: 32, depth: 1, heads: 4 },
        normEps: path === 'hf_vit_mae' ? 1e-12 : 1e-6,
        normPix: path === 'hf_vit_mae' ? true : undefined,
      });
      await model.close();
    }
  });

  it('are classifiers with either pooling; heads are unknown at such a width', async () => {
    for (const [name, pooling] of [
      ['vit_gap', 'mean'],
      ['vit_cls', 'class'],
    ] as const) {
      const model = await openModel(join(parity, `${name}.safetensors`));
      expect(model.architecture).toMatchObject({ kind: 'classifier', classifier: { classes: 7, pooling } });
      expect(model.architecture.heads).toBeUndefined();
      await model.close();
    }
  });

  it('come back from Hugging Face names, query, key and value split and packed', async () => {
    const { tensors } = decodeSafetensors(await readFile(join(parity, 'mae_b.safetensors')));
    const theirs: Record<string, Awaited<ReturnType<typeof loadTensor>>> = {};
    for (const [name, source] of Object.entries(toHuggingFace(tensors, 'vit.')))
      theirs[name] = await loadTensor(source);
    expect(theirs['vit.encoder.layer.2.attention.attention.value.weight']?.shape).toEqual([64, 64]);
    await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(theirs));
    const model = await openModel(folder);
    expect(Object.keys(model.tensors).sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, source] of Object.entries(model.tensors))
      expect(await loadTensor(source)).toEqual(tensors[name]);
    await model.close();
  });
});
