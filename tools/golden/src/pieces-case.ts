import { dispose } from '@maehem/backend';
import { gelu } from '@maehem/kernels';
import { lars, layerDecayScales, type NamedTensors, type OptimizerState, warmupCosine } from '@maehem/optim';
import { interpolatePositionEmbedding, sinCosPositionEmbedding } from '@maehem/patches';
import * as tf from '@tensorflow/tfjs-core';
import { type Comparison, compare } from './comparison.js';
import { type NamedHostTensors, tensorNamed, upload } from './tensors.js';

/** `pieces.safetensors`: position embeddings, their interpolation, LARS, GELU. */
export async function runPieces(tensors: NamedHostTensors): Promise<Comparison[]> {
  return [
    ...sinCosPieces(tensors),
    ...interpolationPieces(tensors),
    ...(await geluPiece(tensors)),
    ...(await larsPieces(tensors)),
  ];
}

function floats(tensors: NamedHostTensors, name: string): Float32Array {
  return tensorNamed(tensors, name).data as Float32Array;
}

/** `sincos.d<dim>.g<grid>.cls<0|1>` */
function sinCosPieces(tensors: NamedHostTensors): Comparison[] {
  return [...tensors.keys()].flatMap((name) => {
    const match = /^sincos\.d(\d+)\.g(\d+)(?:x(\d+))?\.cls([01])$/.exec(name);
    if (match === null) return [];
    const [, dim, rows, columns, classToken] = match;
    const grid: [number, number] = [Number(rows), Number(columns ?? rows)];
    const ours = sinCosPositionEmbedding({ dim: Number(dim), grid, classToken: classToken === '1' });
    return [compare('pieces', name, 'activation', ours, floats(tensors, name))];
  });
}

/** `interp.<A>to<B>.{src,dst}`: grids `4` (square) or `4x6` (rows x columns), with a class token or without. */
function interpolationPieces(tensors: NamedHostTensors): Comparison[] {
  return [...tensors.keys()].flatMap((name) => {
    const match = /^interp\.(\d+)(?:x(\d+))?to(\d+)(?:x(\d+))?\.dst$/.exec(name);
    if (match === null) return [];
    const [, fromRows, fromColumns = fromRows, toRows, toColumns = toRows] = match;
    const source = tensorNamed(tensors, name.replace(/dst$/, 'src'));
    const dim = source.shape[source.shape.length - 1]!;
    const ours = interpolatePositionEmbedding(
      source.data as Float32Array,
      dim,
      [Number(fromRows), Number(fromColumns)],
      [Number(toRows), Number(toColumns)],
    );
    return [compare('pieces', name, 'activation', ours, floats(tensors, name))];
  });
}

async function geluPiece(tensors: NamedHostTensors): Promise<Comparison[]> {
  if (!tensors.has('gelu.x')) return [];
  const { y, dy } = tf.tidy(() => {
    const x = upload(tensorNamed(tensors, 'gelu.x'));
    const { value, grads } = tf.engine().gradients(() => gelu(x), [x], tf.onesLike(x));
    return { y: value, dy: grads[0]! };
  });
  const results = [
    compare('pieces', 'gelu.y', 'activation', await y.data(), floats(tensors, 'gelu.y')),
    compare('pieces', 'gelu.dy', 'gradient', await dy.data(), floats(tensors, 'gelu.dy')),
  ];
  tf.dispose([y, dy]);
  return results;
}

const LARS_LR = 0.1;
const LARS_TREATMENT = { lrScale: 1, weightDecay: 0.01 };

/** `lars.<name><step>` and `lars.<name>.grad<step>`: parameters after each step. */
async function larsPieces(tensors: NamedHostTensors): Promise<Comparison[]> {
  const names = [...tensors.keys()].flatMap((key) => /^lars\.([a-z]+)0$/.exec(key)?.[1] ?? []);
  const results: Comparison[] = [];
  for (const name of names) {
    const optimizer = lars({
      schedule: () => LARS_LR,
      treatments: { [name]: LARS_TREATMENT },
      momentum: 0.9,
      trust: 0.001,
    });
    let params: NamedTensors = { [name]: upload(tensorNamed(tensors, `lars.${name}0`)) };
    let state: OptimizerState = optimizer.init(params);
    for (let step = 0; tensors.has(`lars.${name}${step + 1}`); step++) {
      const grads = { [name]: upload(tensorNamed(tensors, `lars.${name}.grad${step}`)) };
      const scalars = { lr: tf.scalar(LARS_LR) };
      const gradScale = tf.scalar(1);
      const next = optimizer.update({ params, grads, state, scalars, gradScale });
      for (const used of [params, state, grads, scalars, { gradScale }]) dispose(used);
      ({ params, state } = next);
      const key = `lars.${name}${step + 1}`;
      results.push(compare('pieces', key, 'updated', await params[name]!.data(), floats(tensors, key)));
    }
    dispose(params);
    dispose(state);
  }
  return results;
}

/** `schedules.json` */
export interface GoldenSchedules {
  readonly warmup_cosine: readonly {
    readonly lr: number;
    readonly min_lr: number;
    readonly warmup_epochs: number;
    readonly epochs: number;
    /** [epoch, learning rate] */
    readonly points: readonly (readonly [number, number])[];
  }[];
  /** `<depth>@<decay>` → the factor of each layer. */
  readonly layer_decay: Readonly<Record<string, readonly number[]>>;
}

/** Warm-up and cosine by epoch, and layer-decay factors. */
export function runSchedules(golden: GoldenSchedules): Comparison[] {
  const cosines = golden.warmup_cosine.map((entry, index) => {
    // A step of one epoch: the formula is the same at every resolution.
    const schedule = warmupCosine({
      baseLr: entry.lr,
      minLr: entry.min_lr,
      warmupSteps: entry.warmup_epochs,
      totalSteps: entry.epochs,
    });
    return compare(
      'schedules',
      `warmup_cosine.${index}`,
      'activation',
      entry.points.map(([epoch]) => schedule(epoch)),
      entry.points.map(([, lr]) => lr),
    );
  });
  const decays = Object.entries(golden.layer_decay).map(([name, factors]) => {
    const [depth, decay] = name.split('@').map(Number) as [number, number];
    return compare('schedules', `layer_decay.${name}`, 'activation', layerDecayScales(depth, decay), factors);
  });
  return [...cosines, ...decays];
}
