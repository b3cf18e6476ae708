import type { ClassifierConfig } from './classifier.js';
import { tokenCount, type VitConfig } from './config.js';

/** A parameter's shape, by its path: the names of the reference checkpoint. */
export type ParameterShapes = { readonly [path: string]: { readonly shape: readonly number[] } };

/** A linear layer's parameters. */
export function linearShapes(path: string, inputs: number, outputs: number): ParameterShapes {
  return { [`${path}.weight`]: { shape: [outputs, inputs] }, [`${path}.bias`]: { shape: [outputs] } };
}

/** A layer norm's parameters. */
export function normShapes(path: string, features: number): ParameterShapes {
  return { [`${path}.weight`]: { shape: [features] }, [`${path}.bias`]: { shape: [features] } };
}

/** The parameters of a stack of blocks. */
export function blockShapes(path: string, depth: number, dim: number, mlpRatio: number): ParameterShapes {
  const hidden = Math.round(dim * mlpRatio);
  const all = Array.from({ length: depth }, (_, index) => ({
    ...normShapes(`${path}.${index}.norm1`, dim),
    ...linearShapes(`${path}.${index}.attn.qkv`, dim, 3 * dim),
    ...linearShapes(`${path}.${index}.attn.proj`, dim, dim),
    ...normShapes(`${path}.${index}.norm2`, dim),
    ...linearShapes(`${path}.${index}.mlp.fc1`, dim, hidden),
    ...linearShapes(`${path}.${index}.mlp.fc2`, hidden, dim),
  }));
  return Object.assign({}, ...all) as ParameterShapes;
}

/** What comes before the last norm: tokens, positions, patch embedding, blocks. */
export function trunkShapes(config: VitConfig): ParameterShapes {
  const { dim, depth, mlpRatio, channels, patchSize } = config;
  return {
    cls_token: { shape: [1, 1, dim] },
    pos_embed: { shape: [1, tokenCount(config) + 1, dim] },
    'patch_embed.proj.weight': { shape: [dim, channels, ...patchSize] },
    'patch_embed.proj.bias': { shape: [dim] },
    ...blockShapes('blocks', depth, dim, mlpRatio),
  };
}

/** Names and shapes of all parameters of a classifier, from the configuration alone. */
export function classifierShapes(config: ClassifierConfig): ParameterShapes {
  const { dim, classes, pooling } = config;
  return {
    ...trunkShapes(config),
    ...normShapes(pooling === 'mean' ? 'fc_norm' : 'norm', dim),
    ...linearShapes('head', dim, classes),
  };
}
