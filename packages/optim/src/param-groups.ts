import { layerDecayScales, layerId } from './layer-decay.js';
import type { Treatments } from './optimizer.js';

/** Parameters by path; only their shapes matter here. */
export type NamedShapes = { readonly [path: string]: { readonly shape: readonly number[] } };

/**
 * The groups of pretraining (timm's `add_weight_decay`, which the reference uses): vectors and biases are
 * not decayed; the class and mask tokens, of shape [1, 1, dim], are.
 */
export function pretrainGroups(params: NamedShapes, weightDecay: number): Treatments {
  return treatments(params, (path, rank) => ({ lrScale: 1, weightDecay: rank <= 1 || path.endsWith('.bias') ? 0 : weightDecay }));
}

/** What fine-tuning never decays, besides vectors (the reference's `no_weight_decay`). */
const UNDECAYED: ReadonlySet<string> = new Set(['pos_embed', 'cls_token']);

/**
 * The groups of fine-tuning (the reference's `param_groups_lrd`; He et al. 2021, table 9): learning rates
 * shrink layer by layer towards the input.
 */
export function finetuneGroups(
  params: NamedShapes,
  options: { readonly weightDecay: number; readonly layerDecay: number; readonly depth: number },
): Treatments {
  const scales = layerDecayScales(options.depth, options.layerDecay);
  return treatments(params, (path, rank) => ({
    lrScale: scales[layerId(path, options.depth)]!,
    weightDecay: rank <= 1 || UNDECAYED.has(path) ? 0 : options.weightDecay,
  }));
}

function treatments(params: NamedShapes, rule: (path: string, rank: number) => Treatments[string]): Treatments {
  return Object.fromEntries(Object.entries(params).map(([path, { shape }]) => [path, rule(path, shape.length)]));
}
