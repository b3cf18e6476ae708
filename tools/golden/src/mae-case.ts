import { dispose, valueAndGrad } from '@maehem/backend';
import {
  type DevicePlan,
  encode,
  isTrainable,
  type Mae,
  type MaeConfig,
  maeLoss,
  reconstruct,
} from '@maehem/mae';
import { adamw, pretrainGroups } from '@maehem/optim';
import { type MaskPlan, maskingFromNoise, patchify, unpatchify, uploadPlan } from '@maehem/patches';
import { createPretrainer, splitParams } from '@maehem/train';
import { entries } from '@maehem/tree';
import * as tf from '@tensorflow/tfjs-core';
import { type Comparison, compare, type TensorKind } from './comparison.js';
import { channelsLast, type NamedHostTensors, tensorNamed, uploadTree } from './tensors.js';

/** `mae_*.json`: the reference's constructor arguments. */
export interface MaeCaseConfig {
  readonly img_size: number | readonly [number, number];
  readonly patch_size: number | readonly [number, number];
  readonly in_chans: number;
  readonly embed_dim: number;
  readonly depth: number;
  readonly num_heads: number;
  readonly decoder_embed_dim: number;
  readonly decoder_depth: number;
  readonly decoder_num_heads: number;
  readonly mlp_ratio?: number;
  readonly norm_eps?: number;
  readonly mask_ratio: number;
  readonly batch: number;
}

/** One masked autoencoder: its weights, and what the reference computed. */
export interface MaeCase {
  readonly name: string;
  readonly config: MaeCaseConfig;
  readonly weights: NamedHostTensors;
  readonly io: NamedHostTensors;
}

/** The optimizer of the golden figures. */
const GOLDEN_LR = 1e-3;
const GOLDEN_WEIGHT_DECAY = 0.05;
const GOLDEN_STEPS = 3;

/** [height, width] of a size that may be given as one number. */
function pair(size: number | readonly [number, number]): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size;
}

function modelOf(config: MaeCaseConfig): MaeConfig {
  return {
    imageSize: pair(config.img_size),
    patchSize: pair(config.patch_size),
    channels: config.in_chans,
    dim: config.embed_dim,
    depth: config.depth,
    heads: config.num_heads,
    mlpRatio: config.mlp_ratio ?? 4,
    normEps: config.norm_eps ?? 1e-6,
    decoderDim: config.decoder_embed_dim,
    decoderDepth: config.decoder_depth,
    decoderHeads: config.decoder_num_heads,
    encoderMaskTokens: false,
  };
}

/** Masking, forward, both losses, gradients and three AdamW steps. */
export async function runMaeCase(golden: MaeCase): Promise<Comparison[]> {
  const { name, config, io } = golden;
  const model = modelOf(config);
  const images = channelsLast(tensorNamed(io, 'imgs'));
  const patches = patchify(images, model.patchSize);
  const plan = goldenPlan(golden, config.mask_ratio);
  const device = uploadPlan(plan);
  const params = uploadTree<Mae>(golden.weights);
  const results = [
    ...(await compareForward(golden, model, params, patches, plan, device)),
    ...(await compareLosses(golden, model, params, patches, device)),
  ];
  dispose(params);
  results.push(...(await compareTraining(golden, model, patches, device)));
  tf.dispose([images, patches]);
  dispose(device);
  return results.map((result) => ({ ...result, case: name }));
}

function goldenPlan({ io }: MaeCase, ratio: number): MaskPlan {
  const noise = tensorNamed(io, 'noise');
  return maskingFromNoise(noise.data as Float32Array, {
    batch: noise.shape[0]!,
    tokens: noise.shape[1]!,
    ratio,
  });
}

async function compareForward(
  golden: MaeCase,
  model: MaeConfig,
  params: Mae,
  patches: tf.Tensor3D,
  plan: MaskPlan,
  device: DevicePlan,
): Promise<Comparison[]> {
  const check = checker(golden);
  const made = tf.tidy(() => {
    const pred = reconstruct(params, model, patches, device);
    return {
      latent: encode(params, patches, model, device),
      latent_unmasked: encode(params, patches, model),
      pred,
      unpatchified_pred: channelsFirst(unpatchify(pred, model.imageSize, model.patchSize)),
    };
  });
  const results = [
    check('mask', 'exact', plan.mask),
    check('ids_restore', 'exact', plan.idsRestore),
    check('patches', 'activation', await patches.data()),
  ];
  for (const [name, tensor] of Object.entries(made))
    results.push(check(name, 'activation', await tensor.data()));
  dispose(made);
  return results;
}

function channelsFirst(images: tf.Tensor4D): tf.Tensor4D {
  return tf.transpose(images, [0, 3, 1, 2]);
}

async function compareLosses(
  golden: MaeCase,
  model: MaeConfig,
  params: Mae,
  patches: tf.Tensor3D,
  device: DevicePlan,
): Promise<Comparison[]> {
  const check = checker(golden);
  const results: Comparison[] = [];
  for (const normPix of [true, false]) {
    const suffix = normPix ? 'norm_pix' : 'raw_pix';
    const { value, grads } = valueAndGrad(
      (p: Mae) => maeLoss(p, model, patches, device, { normPix }),
      params,
      isTrainable,
    );
    results.push(check(`loss_${suffix}`, 'activation', await value.data()));
    for (const [path, grad] of Object.entries(grads)) {
      const name = normPix ? `grad.${path}` : `grad_raw_pix.${path}`;
      if (golden.io.has(name)) results.push(check(name, 'gradient', await grad.data()));
    }
    value.dispose();
    dispose(grads);
  }
  return results;
}

async function compareTraining(
  golden: MaeCase,
  model: MaeConfig,
  patches: tf.Tensor3D,
  device: DevicePlan,
): Promise<Comparison[]> {
  const check = checker(golden);
  const params = uploadTree<Mae>(golden.weights);
  const treatments = pretrainGroups(splitParams(params).trainable, GOLDEN_WEIGHT_DECAY);
  const optimizer = adamw({ schedule: () => GOLDEN_LR, treatments, beta1: 0.9, beta2: 0.95 });
  const task = { model, objective: { normPix: true }, optimizer, accumulate: 1, clipNorm: null };
  const trainer = createPretrainer(task, { params });
  const losses: number[] = [];
  for (let step = 0; step < GOLDEN_STEPS; step++)
    losses.push((await trainer.step([{ patches, plan: device }])).loss);
  const after: Comparison[] = [];
  for (const [path, tensor] of entries<tf.Tensor>(trainer.params()))
    if (golden.io.has(`after3.${path}`)) after.push(check(`after3.${path}`, 'updated', await tensor.data()));
  trainer.dispose();
  return [check('adamw_losses', 'activation', losses), ...after];
}

function checker({
  name,
  io,
}: MaeCase): (tensor: string, kind: TensorKind, actual: ArrayLike<number>) => Comparison {
  return (tensor, kind, actual) =>
    compare(name, tensor, kind, actual, tensorNamed(io, tensor).data as ArrayLike<number>);
}
