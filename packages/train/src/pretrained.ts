import type { MaeConfig } from '@maehem/mae';
import { type GridShape, interpolatePositionEmbedding, patchGrid } from '@maehem/patches';
import { entries, fromEntries, type Tree } from '@maehem/tree';
import type { VitConfig } from '@maehem/vit';
import {
  assertKnown,
  decoderHeads,
  floatValues,
  loadTensor,
  type ModelWeights,
  type NameReport,
  type ReshapedName,
  TensorMismatchError,
} from '@maehem/weights';
import * as tf from '@tensorflow/tfjs-core';

/** A position embedding that was stretched to another grid of patches. */
export interface InterpolatedName {
  readonly name: string;
  readonly from: GridShape;
  readonly to: GridShape;
}

/** What became of a checkpoint's tensors. */
export interface LoadReport extends NameReport {
  /** The checkpoint's name. */
  readonly source: string;
  /** Parameters that came from it. */
  readonly loaded: readonly string[];
  /** Position embeddings among them that were stretched (reference: `interpolate_pos_embed`). */
  readonly interpolated: readonly InterpolatedName[];
  // `missing` keep their fresh values, `reshaped` too; `unexpected` were not wanted.
}

/** How weights are put into fresh parameters. */
export interface LoadOptions {
  /** The image that the new model sees: position embeddings of another size are interpolated. */
  readonly imageSize: readonly [number, number];
  readonly patchSize: readonly [number, number];
  /** Parameters that may keep their fresh values: a new head, a decoder. Everything else must be there. */
  readonly mayStartFresh?: (path: string) => boolean;
}

const POSITIONS: ReadonlySet<string> = new Set(['pos_embed', 'decoder_pos_embed']);

/**
 * Put the weights of a checkpoint, whatever its format and names, into fresh parameters: of a classifier, an
 * autoencoder, an encoder.
 * - Tensors are matched by name; float16, bfloat16 and float64 become float32.
 * - Position embeddings of another grid are interpolated, bicubic, as the reference does; non-square ones too.
 * - What `mayStartFresh` allows keeps its fresh values where the checkpoint has nothing, or another shape (a head of
 *   other classes).
 *
 * @param fresh what an `init…` function gave; it is used up: replaced tensors are disposed of, the others are in the result.
 * @throws TensorMismatchError when something else is missing or of another shape; `fresh` is untouched then.
 */
export async function loadPretrained<Params extends object>(
  fresh: Params,
  model: ModelWeights,
  { imageSize, patchSize, mayStartFresh = () => false }: LoadOptions,
): Promise<{ readonly params: Params; readonly report: LoadReport }> {
  const grid = patchGrid(...imageSize, patchSize).shape;
  const leaves = entries<tf.Tensor>(fresh as Tree<tf.Tensor>);
  const plan = planLoad(leaves, model, grid, mayStartFresh);
  const values = new Map<string, Float32Array>();
  for (const name of plan.loaded) values.set(name, floatValues(await loadTensor(model.tensors[name]!)));
  for (const { name, from, to } of plan.interpolated) {
    const dim = model.tensors[name]!.shape[2]!;
    values.set(name, interpolatePositionEmbedding(values.get(name)!, dim, from, to));
  }
  const params = leaves.map(([path, leaf]) => {
    const found = values.get(path);
    if (found === undefined) return [path, leaf] as const;
    const tensor = tf.tensor(found, leaf.shape, 'float32');
    leaf.dispose();
    return [path, tensor] as const;
  });
  return { params: fromEntries(params) as Params, report: plan };
}

/** Decide what comes from where, before anything is read. */
function planLoad(
  fresh: readonly (readonly [string, tf.Tensor])[],
  model: ModelWeights,
  grid: GridShape,
  mayStartFresh: (path: string) => boolean,
): LoadReport {
  const loaded: string[] = [];
  const missing: string[] = [];
  const reshaped: ReshapedName[] = [];
  const interpolated: InterpolatedName[] = [];
  for (const [name, { shape: expected }] of fresh) {
    const found = model.tensors[name]?.shape;
    if (found === undefined) missing.push(name);
    else if (POSITIONS.has(name) && found.length === 3 && found[2] === expected[2]) {
      const from = gridOf(model, found[1]!, grid);
      loaded.push(name);
      if (String(from) !== String(grid)) interpolated.push({ name, from, to: grid });
    } else if (String(found) === String(expected)) loaded.push(name);
    else reshaped.push({ name, expected, found });
  }
  const wanted = new Set(fresh.map(([name]) => name));
  const unexpected = Object.keys(model.tensors).filter((name) => !wanted.has(name));
  const mustBe = {
    missing: missing.filter((name) => !mayStartFresh(name)),
    reshaped: reshaped.filter(({ name }) => !mayStartFresh(name)),
  };
  if (mustBe.missing.length + mustBe.reshaped.length > 0)
    throw new TensorMismatchError(model.name, { ...mustBe, unexpected });
  return { source: model.name, loaded, missing, unexpected, reshaped, interpolated };
}

/** The grid of a checkpoint's positions; where its image is unknown, that of the new model if the count is right. */
function gridOf({ architecture, name }: ModelWeights, positions: number, grid: GridShape): GridShape {
  const { imageSize, patchSize } = architecture;
  if (imageSize !== undefined) return patchGrid(...imageSize, patchSize).shape;
  if (grid[0] * grid[1] === positions - 1) return grid;
  throw new Error(
    `${name}: its ${positions - 1} positions are no square, and nothing says of what image; give its height and width (--image-size of the checkpoint)`,
  );
}

/**
 * The same model for images of another size: its position embeddings are interpolated when they are loaded.
 * @throws WeightsError when the image that it is for is unknown, Error when the new one is not a whole number of patches.
 */
export function resizeModel(
  model: ModelWeights,
  imageSize: readonly [number, number],
): { readonly model: ModelWeights; readonly interpolated: readonly InterpolatedName[] } {
  const { architecture, name: file, tensors } = model;
  assertKnown(architecture, file);
  const from = patchGrid(...architecture.imageSize, architecture.patchSize).shape;
  const to = patchGrid(...imageSize, architecture.patchSize).shape;
  if (String(from) === String(to)) return { model, interpolated: [] };
  const names = [...POSITIONS].filter((name) => name in tensors);
  const resized = names.map((name) => {
    const source = tensors[name]!;
    const dim = source.shape[2]!;
    const spec = { dtype: 'F32', shape: [1, 1 + to[0] * to[1], dim] } as const;
    const load = async () => {
      const values = floatValues(await loadTensor(source));
      return { ...spec, data: interpolatePositionEmbedding(values, dim, from, to) };
    };
    return [name, { ...spec, load }] as const;
  });
  return {
    model: {
      ...model,
      architecture: { ...architecture, imageSize },
      tensors: { ...tensors, ...Object.fromEntries(resized) },
    },
    interpolated: names.map((name) => ({ name, from, to })),
  };
}

/** The report in words, a line each; lists of names are shortened to their roots. */
export function describeLoad({
  source,
  loaded,
  missing,
  unexpected,
  reshaped,
  interpolated,
}: LoadReport): string[] {
  const line = (what: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${what}: ${byRoot(names)}`];
  return [
    `${loaded.length} tensors from ${source}`,
    ...interpolated.map(describeInterpolation),
    ...line('not in it, so they start fresh', missing),
    ...reshaped.map(
      ({ name, expected, found }) => `${name} starts fresh: [${expected}] here, [${found}] there`,
    ),
    ...line('in it, but not needed', unexpected),
  ];
}

/** One interpolation in words. */
export function describeInterpolation({ name, from, to }: InterpolatedName): string {
  return `${name} interpolated from ${from.join('x')} to ${to.join('x')} patches`;
}

/** `decoder_blocks (24), mask_token`: names gathered under what stands before their first dot. */
function byRoot(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) {
    const root = name.split('.')[0]!;
    counts.set(root, (counts.get(root) ?? 0) + 1);
  }
  return [...counts].map(([root, count]) => (count === 1 ? root : `${root} (${count})`)).join(', ');
}

/**
 * The encoder's configuration of a checkpoint.
 * @throws WeightsError when its heads or image are unknown; the message says what to give.
 */
export function vitConfigOf({ architecture, name }: ModelWeights): VitConfig {
  assertKnown(architecture, name);
  const { imageSize, patchSize, channels, dim, depth, heads, mlpRatio, normEps } = architecture;
  return { imageSize, patchSize, channels, dim, depth, heads, mlpRatio, normEps };
}

/**
 * The configuration of a whole autoencoder.
 * @throws WeightsError as `vitConfigOf` does, Error when the checkpoint has no decoder.
 */
export function maeConfigOf(model: ModelWeights): MaeConfig {
  const { decoder, encoderMaskTokens } = model.architecture;
  if (decoder === undefined)
    throw new Error(
      `${model.name} holds ${model.architecture.kind === 'classifier' ? 'a classifier' : 'an encoder'} without a decoder, as most published checkpoints do: it can be fine-tuned, and pretrained further with a fresh decoder, but it cannot reconstruct`,
    );
  const config = vitConfigOf(model);
  return {
    ...config,
    ...{
      decoderDim: decoder.dim,
      decoderDepth: decoder.depth,
      decoderHeads: decoderHeads(decoder, model.name),
    },
    encoderMaskTokens,
  };
}
