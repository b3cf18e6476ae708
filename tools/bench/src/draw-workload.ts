import type { MaeConfig } from '@maehem/mae';
import { randomMasking, sinCosPositionEmbedding } from '@maehem/patches';
import { fold, type Key, normal, uniform } from '@maehem/random';
import { patchValues, tokenCount } from '@maehem/vit';
import { MASK_RATIO } from './configs.js';
import { noise, repeated } from './noise.js';
import type { TensorEntry, Workload } from './workload.js';

/** The paper's base rate (table 8): without a warm-up, more of it makes the deeper models' first losses jump. */
const BASE_RATE = 1.5e-4;

type Values = Float32Array | Int32Array;
/** A tensor; its values are made when it is read, so that only one is in memory at a time. */
type Item = Omit<TensorEntry, 'offset'> & { readonly values: () => Values };

/** Weights, images and a mask plan from a key. A tensor's values are drawn each time that it is read. */
export function drawWorkload(key: Key, config: MaeConfig, batch: number): Workload {
  const { keep, items: data } = batchItems(fold(key, 'batch'), config, batch);
  const items = [...weightItems(fold(key, 'weights'), config), ...data];
  const values = new Map(items.map((item) => [item.name, item.values]));
  return {
    ...{ config, batch, keep, layerNormEps: 1e-6, normPixEps: 1e-6 },
    ...{ adamw: { lr: BASE_RATE, beta1: 0.9, beta2: 0.95, eps: 1e-8 }, tensors: entries(items) },
    read: ({ name }) => values.get(name)!(),
  };
}

/** One behind the other, as in a file; all have four bytes a number. */
function entries(items: readonly Item[]): TensorEntry[] {
  let end = 0;
  return items.map(({ values: _, ...item }) => {
    const offset = end;
    end += 4 * count(item.shape);
    return { ...item, offset };
  });
}

function batchItems(key: Key, config: MaeConfig, batch: number): { keep: number; items: Item[] } {
  const tokens = tokenCount(config);
  const plan = randomMasking(fold(key, 'mask'), { batch, tokens, ratio: MASK_RATIO });
  const shape = [batch, tokens, patchValues(config)];
  const item = (name: string, size: readonly number[], values: () => Values): Item => {
    const dtype = name.startsWith('ids') ? 'int32' : 'float32';
    return { name, dtype, shape: size, role: 'data', weightDecay: 0, values };
  };
  return {
    keep: plan.keep,
    items: [
      item('patches', shape, () => noise(fold(key, 'patches'), count(shape))),
      item('idsKeep', [batch, plan.keep], () => plan.idsKeep),
      item('idsRestore', [batch, tokens], () => plan.idsRestore),
      item('mask', [batch, tokens], () => plan.mask),
    ],
  };
}

/** Every weight of the reference checkpoint, started as the reference starts it. */
function weightItems(key: Key, config: MaeConfig): Item[] {
  const { dim, depth, decoderDim, decoderDepth, patchSize, channels, mlpRatio } = config;
  const linear = (name: string, inputs: readonly number[], outputs: number): Item[] => [
    trained(`${name}.weight`, [outputs, ...inputs], xavier(fold(key, name), [outputs, ...inputs])),
    trained(`${name}.bias`, [outputs], () => new Float32Array(outputs)),
  ];
  const norm = (name: string, width: number): Item[] => [
    trained(`${name}.weight`, [width], () => new Float32Array(width).fill(1)),
    trained(`${name}.bias`, [width], () => new Float32Array(width)),
  ];
  const token = (name: string, width: number): Item =>
    trained(name, [1, 1, width], () => normal(fold(key, name), width, 0, 0.02));
  const block = (name: string, width: number): Item[] => [
    ...norm(`${name}.norm1`, width),
    ...linear(`${name}.attn.qkv`, [width], 3 * width),
    ...linear(`${name}.attn.proj`, [width], width),
    ...norm(`${name}.norm2`, width),
    ...linear(`${name}.mlp.fc1`, [width], mlpRatio * width),
    ...linear(`${name}.mlp.fc2`, [mlpRatio * width], width),
  ];
  const blocks = (name: string, length: number, width: number): Item[] =>
    Array.from({ length }, (_, index) => block(`${name}.${index}`, width)).flat();
  return [
    token('cls_token', dim),
    positions('pos_embed', config, dim),
    ...linear('patch_embed.proj', [channels, ...patchSize], dim),
    ...blocks('blocks', depth, dim),
    ...norm('norm', dim),
    ...linear('decoder_embed', [dim], decoderDim),
    token('mask_token', decoderDim),
    positions('decoder_pos_embed', config, decoderDim),
    ...blocks('decoder_blocks', decoderDepth, decoderDim),
    ...norm('decoder_norm', decoderDim),
    ...linear('decoder_pred', [decoderDim], patchValues(config)),
  ];
}

/** The paper's weight decay (table 8), on what the reference decays. */
function trained(name: string, shape: readonly number[], values: () => Values): Item {
  const weightDecay = shape.length === 1 ? 0 : 0.05;
  return { name, dtype: 'float32', shape, role: 'trained', weightDecay, values };
}

function positions(name: string, config: MaeConfig, dim: number): Item {
  const { imageSize, patchSize } = config;
  const grid = [imageSize[0] / patchSize[0], imageSize[1] / patchSize[1]] as const;
  const shape = [1, 1 + grid[0] * grid[1], dim];
  const values = () => sinCosPositionEmbedding({ dim, grid, classToken: true });
  return { name, dtype: 'float32', shape, role: 'fixed', weightDecay: 0, values };
}

function xavier(key: Key, shape: readonly number[]): () => Float32Array {
  const size = count(shape);
  const bound = Math.sqrt(6 / (shape[0]! + size / shape[0]!));
  return () => repeated(size, (drawn) => uniform(key, drawn, -bound, bound));
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
