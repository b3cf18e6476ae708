import { join } from 'node:path';
import { dispose } from '@maehem/backend';
import { initMae, isDecoder, type Mae, maePreset } from '@maehem/mae';
import { seed } from '@maehem/random';
import { describeOnEveryBackend, sharedFolder } from '@maehem/testing';
import { initClassifier } from '@maehem/vit';
import {
  bytesSource,
  encodeSafetensors,
  type HostTensor,
  type Named,
  openWeights,
  readModel,
  TensorMismatchError,
} from '@maehem/weights';
import { openModel } from '@maehem/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { downloadTree } from './host-tensors.js';
import { describeLoad, loadPretrained, maeConfigOf, vitConfigOf } from './pretrained.js';

const base = maePreset('vit-ti', {
  ...{ imageSize: [16, 24], patchSize: [8, 8], dim: 16, depth: 2, heads: 2 },
  ...{ decoderDim: 8, decoderDepth: 1, decoderHeads: 2 },
});
const HEADS = { heads: 2, decoderHeads: 2 };

/** A checkpoint in memory of fresh weights. */
async function checkpoint(keep: (path: string) => boolean = () => true) {
  const params = initMae(seed(1), base);
  const tensors: Named<HostTensor> = await downloadTree(params);
  dispose(params);
  const kept = Object.fromEntries(Object.entries(tensors).filter(([path]) => keep(path)));
  const file = await openWeights(bytesSource(encodeSafetensors(kept), 'mae.safetensors'));
  return { tensors, model: await readModel(file, HEADS) };
}

describeOnEveryBackend('loadPretrained', () => {
  it('gives back an autoencoder bit by bit, its non-square image told by its sin-cos positions', async () => {
    const before = tf.memory().numTensors;
    const { tensors, model } = await checkpoint();
    expect(maeConfigOf(model)).toEqual({ ...base, normEps: 1e-6 });
    const { params, report } = await loadPretrained<Mae>(initMae(seed(2), base), model, base);
    expect(await downloadTree(params)).toEqual(tensors);
    expect(report).toMatchObject({ missing: [], unexpected: [], reshaped: [], interpolated: [] });
    dispose(params);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('starts a decoder afresh only where that is allowed', async () => {
    const { model } = await checkpoint((path) => !isDecoder(path));
    expect(() => maeConfigOf(model)).toThrow('mae.safetensors holds an encoder without a decoder');
    const fresh = initMae(seed(2), base);
    await expect(loadPretrained<Mae>(fresh, model, base)).rejects.toThrow(TensorMismatchError);
    const { params, report } = await loadPretrained<Mae>(fresh, model, { ...base, mayStartFresh: isDecoder });
    expect(report.missing.every(isDecoder)).toBe(true);
    expect(describeLoad(report)).toEqual([
      `${report.loaded.length} tensors from mae.safetensors`,
      'not in it, so they start fresh: decoder_embed (2), mask_token, decoder_pos_embed, decoder_blocks (12), decoder_norm (2), decoder_pred (2)',
    ]);
    dispose(params);
  });

  it('makes a classifier of another image size of it, positions interpolated, decoder left behind', async () => {
    const { model } = await checkpoint();
    const config = { ...vitConfigOf(model), imageSize: [32, 16], classes: 3, pooling: 'mean' } as const;
    const { params, report } = await loadPretrained(initClassifier(seed(3), config), model, {
      ...config,
      mayStartFresh: (path) => /^(head|fc_norm)\./.test(path),
    });
    expect(report.interpolated).toEqual([{ name: 'pos_embed', from: [2, 3], to: [4, 2] }]);
    expect(report.missing).toEqual(['fc_norm.weight', 'fc_norm.bias', 'head.weight', 'head.bias']);
    expect(params.pos_embed.shape).toEqual([1, 9, 16]);
    expect(describeLoad(report)[1]).toBe('pos_embed interpolated from 2x3 to 4x2 patches');
    dispose(params);
  });

  it('refuses another architecture and leaves the fresh parameters alone', async () => {
    const { model } = await checkpoint();
    const fresh = initMae(seed(2), { ...base, dim: 24, heads: 2 });
    await expect(loadPretrained<Mae>(fresh, model, base)).rejects.toThrow(
      'cls_token: expected [1,1,24], found [1,1,16]',
    );
    expect(fresh.cls_token.isDisposed).toBe(false);
    dispose(fresh);
  });

  it("interpolates as the goldens' reference does", async (context) => {
    const folder = sharedFolder('parity');
    if (folder === undefined) return context.skip('no ../shared/parity beside the checkout');
    const model = await openModel(join(folder, 'mae_a.pth'), { heads: 3, decoderHeads: 4 });
    const config = { ...vitConfigOf(model), imageSize: [48, 40], classes: 2, pooling: 'class' } as const;
    const { params, report } = await loadPretrained(initClassifier(seed(3), config), model, {
      ...config,
      mayStartFresh: (path) => path.startsWith('head.'),
    });
    expect(report.interpolated[0]).toMatchObject({ from: [4, 4], to: [6, 5] });
    expect(report.unexpected.every(isDecoder)).toBe(true);
    dispose(params);
    await model.close();
  });
});
