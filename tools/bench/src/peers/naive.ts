import { type Backend, type OpenOptions, openBackend } from '@maehem/backend';
import * as tf from '@tensorflow/tfjs';
import { assertFloat32, type Peer } from '../peer.js';
import type { TensorEntry, Workload } from '../workload.js';

type Weights = Readonly<Record<string, tf.Tensor>>;
type Batch = {
  readonly patches: tf.Tensor3D;
  /** [batch, keep, token]: rows of the identity that pick the visible patches. */
  readonly keep: tf.Tensor3D;
  /** [batch, token, token]: the permutation that puts the shuffled tokens back. */
  readonly restore: tf.Tensor3D;
  readonly mask: tf.Tensor2D;
};

/** The model as one writes it from tfjs's own ops, with tfjs's autodiff and AdamW spelled out op by op. */
export function createNaive(open: OpenOptions = {}): Peer {
  let opened: Backend | undefined;
  let train: (() => Promise<number>) | undefined;
  return {
    name: 'naive',
    init: async (workload, engine) => {
      assertFloat32('naive', engine);
      opened = await openBackend(engine.backend, open);
      train = createTraining(workload);
    },
    step: async () => {
      if (train === undefined) throw new Error('naive: init comes before step');
      return train();
    },
    heapBytes: () => opened?.memory().heapBytes,
  };
}

function createTraining(workload: Workload): () => Promise<number> {
  const { weights, fixed, batch } = upload(workload);
  const trained = workload.tensors.filter((entry) => entry.role === 'trained');
  const loss = (...values: tf.Tensor[]): tf.Scalar => {
    const named = Object.fromEntries(trained.map((entry, index) => [entry.name, values[index]!]));
    return maeLoss({ ...fixed, ...named }, batch, workload);
  };
  const valueAndGrads = tf.valueAndGrads(loss as (...values: tf.Tensor[]) => tf.Tensor);
  const update = createAdamw(workload, trained, weights);
  return async () => {
    const { value, grads } = valueAndGrads(trained.map((entry) => weights[entry.name]!));
    update(grads);
    tf.dispose(grads);
    const [number] = await value.data();
    tf.dispose(value);
    return number!;
  };
}

function upload(workload: Workload): { weights: Record<string, tf.Tensor>; fixed: Weights; batch: Batch } {
  const all = Object.fromEntries(workload.tensors.map((entry) => [entry.name, tensorOf(workload, entry)]));
  const names = (role: TensorEntry['role']) =>
    workload.tensors.filter((entry) => entry.role === role).map(({ name }) => name);
  const select = (role: TensorEntry['role']) =>
    Object.fromEntries(names(role).map((name) => [name, all[name]!]));
  const tokens = all['patches']!.shape[1]!;
  const batch: Batch = {
    patches: all['patches'] as tf.Tensor3D,
    keep: oneHot(all['idsKeep']!, tokens),
    restore: oneHot(all['idsRestore']!, tokens),
    mask: all['mask'] as tf.Tensor2D,
  };
  return { weights: select('trained'), fixed: select('fixed'), batch };
}

/** The wasm kernel of tf.oneHot writes integer bits whatever the dtype: cast afterwards. */
function oneHot(ids: tf.Tensor, depth: number): tf.Tensor3D {
  return tf.cast(tf.oneHot(ids, depth, 1, 0, 'int32'), 'float32') as tf.Tensor3D;
}

/** A convolution of stride = kernel size is a dense layer on patches: its weight becomes [dim, row-column-channel]. */
function tensorOf(workload: Workload, entry: TensorEntry): tf.Tensor {
  const tensor = tf.tensor(workload.read(entry), [...entry.shape], entry.dtype);
  if (entry.shape.length !== 4) return tensor;
  return tf.reshape(tf.transpose(tensor, [0, 2, 3, 1]), [entry.shape[0]!, -1]);
}

/** x [..., in], weight [out, in] → [..., out] */
function linear(weights: Weights, name: string, x: tf.Tensor): tf.Tensor {
  const weight = weights[`${name}.weight`] as tf.Tensor2D;
  const rows = tf.reshape(x, [-1, x.shape[x.rank - 1]!]) as tf.Tensor2D;
  const out = tf.add(tf.matMul(rows, weight, false, true), weights[`${name}.bias`]!);
  return tf.reshape(out, [...x.shape.slice(0, -1), weight.shape[0]]);
}

function layerNorm(weights: Weights, name: string, x: tf.Tensor, eps: number): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, eps)));
  return tf.add(tf.mul(normal, weights[`${name}.weight`]!), weights[`${name}.bias`]!);
}

function gelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1));
}

function attention(weights: Weights, name: string, x: tf.Tensor, heads: number): tf.Tensor {
  const [batch, tokens, dim] = x.shape as [number, number, number];
  const [q, k, v] = tf
    .split(linear(weights, `${name}.qkv`, x), 3, -1)
    .map((part) => tf.transpose(tf.reshape(part, [batch, tokens, heads, dim / heads]), [0, 2, 1, 3])) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const scores = tf.mul(tf.matMul(q, k, false, true), (dim / heads) ** -0.5);
  const mixed = tf.matMul(tf.softmax(scores), v);
  return linear(weights, `${name}.proj`, tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, tokens, dim]));
}

function block(weights: Weights, name: string, x: tf.Tensor, heads: number, eps: number): tf.Tensor {
  const attended = tf.add(
    x,
    attention(weights, `${name}.attn`, layerNorm(weights, `${name}.norm1`, x, eps), heads),
  );
  const hidden = linear(weights, `${name}.mlp.fc1`, layerNorm(weights, `${name}.norm2`, attended, eps));
  return tf.add(attended, linear(weights, `${name}.mlp.fc2`, gelu(hidden)));
}

/** Mask by matrix products with one-hot rows: the gradient of tf.gather needs a kernel that wasm does not have. */
function maeLoss(
  weights: Weights,
  batch: Batch,
  { config, keep, layerNormEps: eps, normPixEps }: Workload,
): tf.Scalar {
  const { patches, mask } = batch;
  const [size, tokens] = patches.shape;
  const positions = (name: string, start: number, length: number) =>
    tf.slice(weights[name]!, [0, start, 0], [1, length, -1]);

  const embedded = tf.add(linear(weights, 'patch_embed.proj', patches), positions('pos_embed', 1, tokens));
  const cls = tf.add(weights['cls_token']!, positions('pos_embed', 0, 1));
  const visible = tf.matMul(batch.keep, embedded as tf.Tensor3D);
  let x: tf.Tensor = tf.concat([tf.broadcastTo(cls, [size, 1, config.dim]), visible], 1);
  for (let i = 0; i < config.depth; i++) x = block(weights, `blocks.${i}`, x, config.heads, eps);
  x = linear(weights, 'decoder_embed', layerNorm(weights, 'norm', x, eps));

  const width = config.decoderDim;
  const masks = tf.broadcastTo(weights['mask_token']!, [size, tokens - keep, width]);
  const shuffled = tf.concat([tf.slice(x, [0, 1, 0], [-1, -1, -1]), masks], 1);
  const full = tf.concat(
    [tf.slice(x, [0, 0, 0], [-1, 1, -1]), tf.matMul(batch.restore, shuffled as tf.Tensor3D)],
    1,
  );
  let y: tf.Tensor = tf.add(full, weights['decoder_pos_embed']!);
  for (let i = 0; i < config.decoderDepth; i++)
    y = block(weights, `decoder_blocks.${i}`, y, config.decoderHeads, eps);
  y = linear(weights, 'decoder_pred', layerNorm(weights, 'decoder_norm', y, eps));
  const prediction = tf.slice(y, [0, 1, 0], [-1, -1, -1]);

  const error = tf.mean(tf.square(tf.sub(prediction, normPixTarget(patches, normPixEps))), -1);
  return tf.div(tf.sum(tf.mul(error, mask)), tf.sum(mask)) as tf.Scalar;
}

/** Unbiased variance, as the reference has it. */
function normPixTarget(patches: tf.Tensor3D, eps: number): tf.Tensor {
  const values = patches.shape[2];
  const { mean, variance } = tf.moments(patches, -1, true);
  return tf.div(tf.sub(patches, mean), tf.sqrt(tf.add(tf.mul(variance, values / (values - 1)), eps)));
}

function createAdamw(
  workload: Workload,
  trained: readonly TensorEntry[],
  weights: Record<string, tf.Tensor>,
): (grads: readonly tf.Tensor[]) => void {
  const { lr, beta1, beta2, eps } = workload.adamw;
  const m = trained.map(({ name }) => tf.zerosLike(weights[name]!));
  const v = trained.map(({ name }) => tf.zerosLike(weights[name]!));
  let steps = 0;
  return (grads) => {
    steps += 1;
    const rate = lr / (1 - beta1 ** steps);
    const correction = Math.sqrt(1 - beta2 ** steps);
    for (const [index, { name, weightDecay }] of trained.entries()) {
      const grad = grads[index]!;
      const old = [m[index]!, v[index]!, weights[name]!] as const;
      [m[index], v[index], weights[name]] = tf.tidy(() => {
        const first = tf.add(tf.mul(old[0], beta1), tf.mul(grad, 1 - beta1));
        const second = tf.add(tf.mul(old[1], beta2), tf.mul(tf.square(grad), 1 - beta2));
        const change = tf.div(tf.mul(first, rate), tf.add(tf.div(tf.sqrt(second), correction), eps));
        return [first, second, tf.sub(tf.mul(old[2], 1 - lr * weightDecay), change)] as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
      });
      tf.dispose([...old]);
    }
  };
}
