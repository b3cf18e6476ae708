import { layerDecayScales, layerId } from './layer-decay.js';
import type { ParameterTreatment, Treatments } from './optimizer.js';

/** Parameters by path; only their shapes matter here. */
export type NamedShapes = { readonly [path: string]: { readonly shape: readonly number[] } };

/** A rule that says how the parameters that it matches are treated. */
export interface GroupRule {
  readonly matches: (path: string, shape: readonly number[]) => boolean;
  readonly treatment: ParameterTreatment | ((path: string) => ParameterTreatment);
}

/**
 * The treatment of every parameter: that of the first rule that matches it.
 * @param params those that train; frozen ones are left out
 * @throws when a parameter matches no rule (the message names up to five), or a treatment holds a number
 * that is negative or not finite.
 */
export function paramGroups(params: NamedShapes, rules: readonly GroupRule[]): Treatments {
  const uncovered: string[] = [];
  const treatments: Record<string, ParameterTreatment> = {};
  for (const [path, { shape }] of Object.entries(params)) {
    const rule = rules.find(({ matches }) => matches(path, shape));
    if (rule === undefined) uncovered.push(path);
    else treatments[path] = checked(path, rule.treatment);
  }
  if (uncovered.length > 0) throw new Error(`no group rule covers ${list(uncovered)}; add one that matches`);
  return treatments;
}

/**
 * The groups of pretraining (timm's `add_weight_decay`, which the reference uses): vectors and biases are
 * not decayed; the class and mask tokens, of shape [1, 1, dim], are.
 * @param params those that train, under the reference's names
 */
export function pretrainGroups(params: NamedShapes, weightDecay: number): Treatments {
  return paramGroups(params, [
    {
      matches: (path, shape) => shape.length <= 1 || path.endsWith('.bias'),
      treatment: { lrScale: 1, weightDecay: 0 },
    },
    { matches: () => true, treatment: { lrScale: 1, weightDecay } },
  ]);
}

/** What fine-tuning never decays, besides vectors (the reference's `no_weight_decay`). */
const UNDECAYED: ReadonlySet<string> = new Set(['pos_embed', 'cls_token']);

/**
 * The groups of fine-tuning (the reference's `param_groups_lrd`; He et al. 2021, table 9): learning rates
 * shrink layer by layer towards the input; vectors, class token and position embedding are not decayed.
 * @param params those that train, under the reference's names
 * @throws when a path names a block beyond `depth`.
 */
export function finetuneGroups(
  params: NamedShapes,
  options: { readonly weightDecay: number; readonly layerDecay: number; readonly depth: number },
): Treatments {
  const { weightDecay, layerDecay, depth } = options;
  const scales = layerDecayScales(depth, layerDecay);
  const at = (decay: number) => (path: string) => ({
    lrScale: scales[layerId(path, depth)]!,
    weightDecay: decay,
  });
  return paramGroups(params, [
    { matches: (path, shape) => shape.length <= 1 || UNDECAYED.has(path), treatment: at(0) },
    { matches: () => true, treatment: at(weightDecay) },
  ]);
}

function checked(path: string, treatment: GroupRule['treatment']): ParameterTreatment {
  const found = typeof treatment === 'function' ? treatment(path) : treatment;
  for (const name of ['lrScale', 'weightDecay'] as const)
    if (!(found[name] >= 0 && Number.isFinite(found[name])))
      throw new Error(`${name} of parameter ${path} must be a number of at least 0, got ${found[name]}`);
  return found;
}

function list(paths: readonly string[]): string {
  const shown = paths.slice(0, 5).join(', ');
  return paths.length > 5 ? `${shown} and ${paths.length - 5} more` : shown;
}
