import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fold, normal, seed } from '@maehem/random';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bytesSource,
  encodeSafetensors,
  type HostTensor,
  loadTensor,
  type ModelWeights,
  missingTensors,
  openModelFolder,
  openWeights,
  readModel,
} from '../index.js';
import { type ModelTarget, openModel, targetOfPath, writeModel } from './index.js';

const HINTS = { heads: 2, decoderHeads: 4, imageSize: [8, 24], normPix: true } as const;

const layer = (path: string, outputs: number, ...inputs: number[]): Record<string, number[]> => ({
  [`${path}.weight`]: [outputs, ...inputs],
  [`${path}.bias`]: [outputs],
});
const block = (path: string, dim: number): Record<string, number[]> => ({
  ...{ ...layer(`${path}.norm1`, dim), ...layer(`${path}.norm2`, dim) },
  ...{ ...layer(`${path}.attn.qkv`, 3 * dim, dim), ...layer(`${path}.attn.proj`, dim, dim) },
  ...{ ...layer(`${path}.mlp.fc1`, 2 * dim, dim), ...layer(`${path}.mlp.fc2`, dim, 2 * dim) },
});
const encoder = {
  ...{ cls_token: [1, 1, 8], pos_embed: [1, 13, 8], ...layer('patch_embed.proj', 8, 1, 4, 4) },
  ...block('blocks.0', 8),
  ...block('blocks.1', 8),
};
const norm = layer('norm', 8);
const decoder = {
  ...{ mask_token: [1, 1, 4], decoder_pos_embed: [1, 13, 4], ...layer('decoder_embed', 4, 8) },
  ...{ ...block('decoder_blocks.0', 4), ...layer('decoder_norm', 4), ...layer('decoder_pred', 16, 4) },
};

/** A model in memory with normal weights. */
async function modelOf(shapes: Record<string, number[]>): Promise<ModelWeights> {
  const tensors = Object.entries(shapes).map(([name, shape]): [string, HostTensor] => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return [name, { dtype: 'F32', shape, data: normal(fold(seed(0), name), size) }];
  });
  const bytes = encodeSafetensors(Object.fromEntries(tensors), { epoch: '3' });
  return readModel(await openWeights(bytesSource(bytes, 'model')), HINTS);
}

async function dataOf({ tensors }: ModelWeights): Promise<Record<string, HostTensor>> {
  const list: [string, HostTensor][] = [];
  for (const name of Object.keys(tensors).sort()) list.push([name, await loadTensor(tensors[name]!)]);
  return Object.fromEntries(list);
}

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maehem-write-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('writeModel', () => {
  it.each([
    ['an autoencoder', { ...encoder, ...norm, ...decoder }, 'safetensors', 'a.safetensors'],
    ['an autoencoder', { ...encoder, ...norm, ...decoder }, 'reference', 'a.pth'],
    ['an autoencoder', { ...encoder, ...norm, ...decoder }, 'hf', 'hf'],
    ['an encoder', { ...encoder, ...norm }, 'hf', 'hf'],
    ['an encoder', { ...encoder, ...norm }, 'timm', 'timm'],
    ['a classifier', { ...encoder, ...norm, ...layer('head', 5, 8) }, 'hf', 'hf'],
    ['a classifier', { ...encoder, ...layer('fc_norm', 8), ...layer('head', 5, 8) }, 'timm', 'b.safetensors'],
  ] as const)('%s comes back, weights and architecture, from %3$s %2$s', async (_, shapes, target, name) => {
    const model = await modelOf(shapes);
    expect(missingTensors(model)).toEqual([]);
    const path = join(folder, name);
    expect((await writeModel(path, model, target)).dropped).toEqual([]);
    // timm says nothing of heads that are not in its names.
    const back = await openModel(path, target === 'timm' ? { heads: 2 } : {});
    const { guessed: _guessed, normPix: _normPix, ...architecture } = model.architecture;
    expect(back.architecture).toMatchObject(architecture);
    expect(await dataOf(back)).toEqual(await dataOf(model));
    await back.close();
  });

  it('leaves out what the target has no place for, and says so', async () => {
    const model = await modelOf({ ...encoder, ...norm, ...decoder, 'fc.weight': [2] });
    const { dropped, files } = await writeModel(join(folder, 'timm'), model, 'timm');
    expect([...dropped].sort()).toEqual([...Object.keys(decoder), 'fc.weight'].sort());
    expect(files).toEqual(['model.safetensors', 'config.json'].map((file) => join(folder, 'timm', file)));
    expect(JSON.parse(await readFile(join(folder, 'timm', 'config.json'), 'utf8'))).toMatchObject({
      num_classes: 0,
      model_args: { img_size: [8, 24], embed_dim: 8, num_heads: 2 },
    });
    expect((await writeModel(join(folder, 'a.pth'), model, 'reference')).dropped).toEqual(['fc.weight']);
  });

  it('writes folders for transformers.js', async () => {
    const model = await modelOf({ ...encoder, ...norm, ...decoder });
    const { files } = await writeModel(join(folder, 'js'), model, 'onnx');
    expect(files).toEqual(
      ['onnx/model.onnx', 'config.json', 'preprocessor_config.json'].map((file) => join(folder, 'js', file)),
    );
    expect(JSON.parse(await readFile(files[1]!, 'utf8'))).toMatchObject({
      ...{ model_type: 'vit', architectures: ['ViTModel'], image_size: [8, 24], num_hidden_layers: 2 },
    });
    expect(JSON.parse(await readFile(files[2]!, 'utf8'))).toMatchObject({ size: { height: 8, width: 24 } });
  });

  it('says what cannot be told, and what a target lacks', async () => {
    const mean = await modelOf({ ...encoder, ...layer('fc_norm', 8), ...layer('head', 5, 8) });
    await expect(writeModel(join(folder, 'hf'), mean, 'hf')).rejects.toThrow(
      'model: transformers has no ViT classifier on the mean of the patches: convert it to timm',
    );
    const unknown = { ...mean, architecture: { ...mean.architecture, heads: undefined } };
    await expect(writeModel(join(folder, 'a.onnx'), unknown, 'onnx')).rejects.toThrow(
      'model: its tensors do not tell the number of heads (--heads): give it',
    );
    const paths: [string, ModelTarget][] = [
      ['a.PTH', 'reference'],
      ['x/y.safetensors', 'safetensors'],
      ['folder', 'hf'],
      ['a.onnx', 'onnx'],
    ];
    for (const [path, target] of paths) expect(targetOfPath(path)).toBe(target);
    expect(() => targetOfPath('a.txt')).toThrow('say --to safetensors');
  });
});

describe('sharded safetensors', () => {
  it('are one model; a file that is not beside the index is refused', async () => {
    const model = await modelOf({ ...encoder, ...norm });
    const data = await dataOf(model);
    const names = Object.keys(data);
    const files: Record<string, Uint8Array> = {};
    const map: Record<string, string> = {};
    for (const [shard, part] of [names.slice(0, 9), names.slice(9)].entries()) {
      const file = `model-0000${shard + 1}-of-00002.safetensors`;
      files[file] = encodeSafetensors(Object.fromEntries(part.map((name) => [name, data[name]!])));
      for (const name of part) map[name] = file;
    }
    const index = 'model.safetensors.index.json';
    files[index] = new TextEncoder().encode(JSON.stringify({ metadata: {}, weight_map: map }));
    const open = (names: string[]) =>
      openModelFolder(
        { name: 'shards', files: names, open: async (file) => bytesSource(files[file]!, file) },
        HINTS,
      );
    const back = await open(Object.keys(files));
    expect(back.format).toBe('sharded safetensors');
    expect(await dataOf(back)).toEqual(data);
    await expect(open([index, 'model-00001-of-00002.safetensors'])).rejects.toThrow(
      'it names a file that is not beside it, got "model-00002-of-00002.safetensors"',
    );
    await expect(open(['a.txt'])).rejects.toThrow('it holds no weights; looked for model.safetensors');
  });
});
