import { dispose, valueAndGrad } from '@maehem/backend';
import { smoothTargets, softmaxCrossEntropy } from '@maehem/losses';
import { finetuneGroups } from '@maehem/optim';
import { patchify } from '@maehem/patches';
import { entries } from '@maehem/tree';
import { type Classifier, classify } from '@maehem/vit';
import * as tf from '@tensorflow/tfjs-core';
import { type Comparison, compare } from './comparison.js';
import { difference } from './difference.js';
import { channelsLast, type NamedHostTensors, tensorNamed, uploadTree } from './tensors.js';

/** One classifier: its weights, what the reference computed, and its parameter groups. */
export interface VitCase {
  readonly name: string;
  readonly weights: NamedHostTensors;
  readonly io: NamedHostTensors;
  /** Heads, where the folder says so; weights alone do not tell. */
  readonly heads?: number;
  readonly groups?: Readonly<Record<string, { readonly lr_scale: number; readonly weight_decay: number }>>;
}

const LABEL_SMOOTHING = 0.1;
const GROUPS = { weightDecay: 0.05, layerDecay: 0.65 };

/** Logits, both losses, gradients, parameter groups. */
export async function runVitCase(golden: VitCase): Promise<Comparison[]> {
  const { name, io, weights } = golden;
  const params = uploadTree<Classifier>(weights);
  const [, , patchHeight, patchWidth] = params.patch_embed.proj.weight.shape;
  const images = channelsLast(tensorNamed(io, 'imgs'));
  const patches = patchify(images, [patchHeight, patchWidth]);
  const heads =
    golden.heads ?? (await findHeads(params, patches, tensorNamed(io, 'logits').data as Float32Array));
  const results = [
    compare(name, 'logits', 'activation', await logitsOf(params, patches, heads), numbers(io, 'logits')),
    ...(await compareLosses(golden, params, patches, heads)),
    ...compareGroups(golden, params),
  ];
  dispose(params);
  tf.dispose([images, patches]);
  return results;
}

function numbers(tensors: NamedHostTensors, name: string): ArrayLike<number> {
  return tensorNamed(tensors, name).data as ArrayLike<number>;
}

async function logitsOf(params: Classifier, patches: tf.Tensor3D, heads: number): Promise<Float32Array> {
  const logits = tf.tidy(() => classify(params, patches, { heads }));
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}

/** The number of heads, a divisor of the width, under which the logits come out best. */
async function findHeads(params: Classifier, patches: tf.Tensor3D, expected: Float32Array): Promise<number> {
  const width = params.cls_token.shape[2];
  const divisors = Array.from({ length: width }, (_, i) => i + 1).filter((heads) => width % heads === 0);
  const errors: number[] = [];
  for (const heads of divisors)
    errors.push(difference(await logitsOf(params, patches, heads), expected).relative);
  return divisors[errors.indexOf(Math.min(...errors))]!;
}

/** Label-smoothed and soft-target cross-entropy, with gradients named `grad.<loss>.<name>` or `grad.<name>`. */
async function compareLosses(
  { name, io }: VitCase,
  params: Classifier,
  patches: tf.Tensor3D,
  heads: number,
): Promise<Comparison[]> {
  const soft = tensorNamed(io, 'soft_targets');
  const [batch, classes] = soft.shape as [number, number];
  const smooth = smoothTargets(numbers(io, 'labels'), classes, LABEL_SMOOTHING);
  const results: Comparison[] = [];
  for (const [loss, values] of [
    ['loss_smooth', smooth],
    ['loss_soft', soft.data as Float32Array],
  ] as const) {
    const targets = tf.tensor2d(values, [batch, classes]);
    const { value, grads } = valueAndGrad(
      (p: Classifier) => softmaxCrossEntropy(classify(p, patches, { heads }), targets),
      params,
    );
    results.push(compare(name, loss, 'activation', await value.data(), numbers(io, loss)));
    for (const [path, grad] of Object.entries(grads)) {
      const golden = goldenGradient(io, loss, path);
      if (golden !== undefined)
        results.push(compare(name, golden, 'gradient', await grad.data(), numbers(io, golden)));
    }
    tf.dispose([targets, value]);
    dispose(grads);
  }
  return results;
}

/** The golden's name for a gradient: of this loss by name, or of the first loss when it names none. */
function goldenGradient(io: NamedHostTensors, loss: string, path: string): string | undefined {
  const kind = loss.slice('loss_'.length);
  const candidates = [
    `grad_${kind}.${path}`,
    `grad.${kind}.${path}`,
    ...(kind === 'smooth' ? [`grad.${path}`] : []),
  ];
  return candidates.find((candidate) => io.has(candidate));
}

function compareGroups({ name, groups }: VitCase, params: Classifier): Comparison[] {
  if (groups === undefined) return [];
  const shapes = Object.fromEntries(entries<tf.Tensor>(params).map(([path, { shape }]) => [path, { shape }]));
  const ours = finetuneGroups(shapes, { ...GROUPS, depth: params.blocks.length });
  const paths = Object.keys(groups);
  const column = (of: (path: string) => number): number[] => paths.map(of);
  return [
    compare(
      name,
      'groups.lr_scale',
      'activation',
      column((p) => ours[p]?.lrScale ?? Number.NaN),
      column((p) => groups[p]!.lr_scale),
    ),
    compare(
      name,
      'groups.weight_decay',
      'activation',
      column((p) => ours[p]?.weightDecay ?? Number.NaN),
      column((p) => groups[p]!.weight_decay),
    ),
  ];
}
