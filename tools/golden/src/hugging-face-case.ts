import { join } from 'node:path';
import { dispose } from '@maehem/backend';
import { initMae, type Mae, maeLoss, reconstruct } from '@maehem/mae';
import { maskingFromNoise, patchify, uploadPlan } from '@maehem/patches';
import { seed } from '@maehem/random';
import { loadPretrained, maeConfigOf } from '@maehem/train';
import { openModel } from '@maehem/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { type Comparison, compare } from './comparison.js';
import { channelsLast, type NamedHostTensors, tensorNamed } from './tensors.js';

/** A folder that transformers' `ViTMAEForPreTraining.save_pretrained` wrote, and what that model computed. */
export interface HuggingFaceCase {
  readonly name: string;
  readonly folder: string;
  readonly io: NamedHostTensors;
}

/** Names, packed attention, `layer_norm_eps` and `norm_pix_loss` of its config: prediction and loss tell. */
export async function runHuggingFaceCase({ name, folder, io }: HuggingFaceCase): Promise<Comparison[]> {
  const file = await openModel(join(folder, name));
  const config = maeConfigOf(file);
  const { params } = await loadPretrained<Mae>(initMae(seed(0), config), file, config);
  await file.close();
  const images = channelsLast(tensorNamed(io, 'imgs'));
  const patches = patchify(images, config.patchSize);
  const noise = tensorNamed(io, 'noise');
  const [batch, tokens] = noise.shape as [number, number];
  const visible = count(tensorNamed(io, 'mask').data as Float32Array, 0) / batch;
  const plan = maskingFromNoise(noise.data as Float32Array, { batch, tokens, ratio: 1 - visible / tokens });
  const device = uploadPlan(plan);
  const normPix = file.architecture.normPix ?? false;
  const prediction = tf.tidy(() => reconstruct(params, config, patches, device));
  const loss = tf.tidy(() => maeLoss(params, config, patches, device, { normPix }));
  const expected = (tensor: string): ArrayLike<number> => tensorNamed(io, tensor).data as ArrayLike<number>;
  const results = [
    compare(name, 'mask', 'exact', plan.mask, expected('mask')),
    compare(name, 'ids_restore', 'exact', plan.idsRestore, expected('ids_restore')),
    compare(name, 'pred', 'activation', await prediction.data(), expected('pred')),
    compare(name, 'loss', 'activation', await loss.data(), expected('loss')),
  ];
  dispose(params);
  dispose(device);
  tf.dispose([images, patches, prediction, loss]);
  return results;
}

function count(values: Float32Array, value: number): number {
  return values.reduce((sum, each) => sum + (each === value ? 1 : 0), 0);
}
