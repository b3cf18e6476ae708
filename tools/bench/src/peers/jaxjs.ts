import { defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax';
import { assertFloat32, type Peer } from '../peer.js';
import type { TensorEntry, Workload } from '../workload.js';

// jax-js counts references: an argument is consumed, `.ref` keeps it for another use.

type Weights = Record<string, np.Array>;
type Batch = { patches: np.Array; idsKeep: np.Array; idsRestore: np.Array; mask: np.Array };
/** lr / (1 - beta1^t) and sqrt(1 - beta2^t) change from step to step: inputs, so that one trace serves all steps. */
type Corrections = { rate: np.Array; root: np.Array };
type State = { weights: Weights; m: Weights; v: Weights };

/** The whole step, valueAndGrad and AdamW, in one jit. */
export function createJaxjs(): Peer {
  let train: (() => Promise<number>) | undefined;
  return {
    name: 'jaxjs',
    init: async (workload, engine) => {
      const { backend } = engine;
      assertFloat32('jaxjs', engine);
      if (backend !== 'wasm' && backend !== 'webgpu')
        throw new Error(`jax-js has no backend '${backend}' here; use wasm or webgpu`);
      if (backend === 'webgpu') await bringGpu();
      const opened = await init(backend);
      if (!opened.includes(backend)) throw new Error(`jax-js does not open ${backend} on this machine`);
      defaultDevice(backend);
      train = createTraining(workload);
    },
    step: async () => {
      if (train === undefined) throw new Error('jaxjs: init comes before step');
      return train();
    },
  };
}

/** jax-js looks for WebGPU, and for the name of the browser, where a browser has them. */
async function bringGpu(): Promise<void> {
  if ((globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu !== undefined) return;
  const { create } = await import('webgpu');
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: create([]), userAgent: 'Node' },
    configurable: true,
  });
}

function createTraining(workload: Workload): () => Promise<number> {
  const arrays = (role: TensorEntry['role']): Weights =>
    Object.fromEntries(
      workload.tensors
        .filter((entry) => entry.role === role)
        .map((entry) => [entry.name, arrayOf(workload, entry)]),
    );
  const fixed = arrays('fixed');
  const batch = arrays('data') as Batch;
  const weights = arrays('trained');
  let state: State = { weights, m: zerosLike(weights), v: zerosLike(weights) };
  let steps = 0;
  const step = jit(createStep(workload));
  const { lr, beta1, beta2 } = workload.adamw;
  return async () => {
    steps += 1;
    const corrections = {
      rate: np.array(lr / (1 - beta1 ** steps)),
      root: np.array(Math.sqrt(1 - beta2 ** steps)),
    };
    const result = step(state, share(fixed), share(batch), corrections);
    state = result.state;
    const [loss] = await result.loss.data();
    return loss!;
  };
}

/** A convolution of stride = kernel size is a dense layer on patches: its weight becomes [dim, row-column-channel]. */
function arrayOf(workload: Workload, entry: TensorEntry): np.Array {
  const dtype = entry.dtype === 'int32' ? np.int32 : np.float32;
  const array = np.array(workload.read(entry), { shape: [...entry.shape], dtype });
  if (entry.shape.length !== 4) return array;
  return np.transpose(array, [0, 2, 3, 1]).reshape([entry.shape[0]!, -1]);
}

function zerosLike(weights: Weights): Weights {
  return Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, np.zeros(weight.shape)]));
}

function share<T extends Record<string, np.Array>>(arrays: T): T {
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, array.ref])) as T;
}

function createStep(workload: Workload) {
  const lossAndGrads = valueAndGrad((weights: Weights, fixed: Weights, batch: Batch) =>
    maeLoss({ ...weights, ...fixed }, batch, workload),
  );
  return ({ weights, m, v }: State, fixed: Weights, batch: Batch, { rate, root }: Corrections) => {
    const [loss, grads] = lossAndGrads(share(weights), fixed, batch);
    const next: State = { weights: {}, m: {}, v: {} };
    for (const entry of workload.tensors) {
      if (entry.role !== 'trained') continue;
      const { name } = entry;
      const old = { weight: weights[name]!, m: m[name]!, v: v[name]!, grad: grads[name]! };
      const updated = adamw(workload, entry, old, { rate: rate.ref, root: root.ref });
      [next.weights[name], next.m[name], next.v[name]] = updated;
    }
    rate.dispose();
    root.dispose();
    return { state: next, loss };
  };
}

function adamw(
  { adamw: { lr, beta1, beta2, eps } }: Workload,
  { weightDecay }: TensorEntry,
  old: { weight: np.Array; m: np.Array; v: np.Array; grad: np.Array },
  { rate, root }: Corrections,
): [np.Array, np.Array, np.Array] {
  const m = old.m.mul(beta1).add(old.grad.ref.mul(1 - beta1));
  const v = old.v.mul(beta2).add(np.square(old.grad).mul(1 - beta2));
  const change = m.ref.mul(rate).div(np.sqrt(v.ref).div(root).add(eps));
  return [old.weight.mul(1 - lr * weightDecay).sub(change), m, v];
}

/** x [..., in], weight [out, in] → [..., out] */
function linear(weights: Weights, name: string, x: np.Array): np.Array {
  return np.inner(x, weights[`${name}.weight`]!).add(weights[`${name}.bias`]!);
}

function layerNorm(weights: Weights, name: string, x: np.Array, eps: number): np.Array {
  return nn
    .standardize(x, -1, { epsilon: eps })
    .mul(weights[`${name}.weight`]!)
    .add(weights[`${name}.bias`]!);
}

function attention(weights: Weights, name: string, x: np.Array, heads: number): np.Array {
  const [batch, tokens, dim] = x.shape as [number, number, number];
  const qkv = linear(weights, `${name}.qkv`, x);
  const [q, k, v] = np.split(qkv, 3, -1).map((part) => part.reshape([batch, tokens, heads, dim / heads])) as [
    np.Array,
    np.Array,
    np.Array,
  ];
  // As nn.dotProductAttention, whose einsum strings need a newer Node than 20. Axes: 0 batch, 1 query, 2 head, 3 value, 4 key.
  const scores = np.einsum(q, [0, 1, 2, 3], k, [0, 4, 2, 3], [0, 2, 1, 4]).mul((dim / heads) ** -0.5);
  const mixed = np.einsum(nn.softmax(scores, -1), [0, 2, 1, 4], v, [0, 4, 2, 3], [0, 1, 2, 3]);
  return linear(weights, `${name}.proj`, mixed.reshape([batch, tokens, dim]));
}

function block(weights: Weights, name: string, x: np.Array, heads: number, eps: number): np.Array {
  const attended = x.ref.add(
    attention(weights, `${name}.attn`, layerNorm(weights, `${name}.norm1`, x, eps), heads),
  );
  const hidden = linear(weights, `${name}.mlp.fc1`, layerNorm(weights, `${name}.norm2`, attended.ref, eps));
  return attended.add(linear(weights, `${name}.mlp.fc2`, nn.gelu(hidden, { approximate: false })));
}

function maeLoss(
  weights: Weights,
  batch: Batch,
  { config, keep, layerNormEps: eps, normPixEps }: Workload,
): np.Array {
  const { patches, idsKeep, idsRestore, mask } = batch;
  const [size, tokens] = patches.shape as [number, number, number];
  const ids = (array: np.Array): np.Array => array.reshape([size, -1, 1]);
  const [clsPosition, positions] = np.split(weights['pos_embed']!, [1], 1) as [np.Array, np.Array];

  const embedded = linear(weights, 'patch_embed.proj', patches.ref).add(positions);
  const cls = np.broadcastTo(weights['cls_token']!.add(clsPosition), [size, 1, config.dim]);
  let x = np.concatenate([cls, np.takeAlongAxis(embedded, ids(idsKeep), 1)], 1);
  for (let i = 0; i < config.depth; i++) x = block(weights, `blocks.${i}`, x, config.heads, eps);
  x = linear(weights, 'decoder_embed', layerNorm(weights, 'norm', x, eps));

  const masks = np.broadcastTo(weights['mask_token']!, [size, tokens - keep, config.decoderDim]);
  const [classToken, visible] = np.split(x, [1], 1) as [np.Array, np.Array];
  const full = np.takeAlongAxis(np.concatenate([visible, masks], 1), ids(idsRestore), 1);
  let y = np.concatenate([classToken, full], 1).add(weights['decoder_pos_embed']!);
  for (let i = 0; i < config.decoderDepth; i++)
    y = block(weights, `decoder_blocks.${i}`, y, config.decoderHeads, eps);
  y = linear(weights, 'decoder_pred', layerNorm(weights, 'decoder_norm', y, eps));
  const [dropped, prediction] = np.split(y, [1], 1) as [np.Array, np.Array];
  dropped.dispose();

  const error = np.mean(np.square(prediction.sub(normPixTarget(patches, normPixEps))), -1);
  return error.mul(mask.ref).sum().div(mask.sum());
}

/** Unbiased variance, as the reference has it. */
function normPixTarget(patches: np.Array, eps: number): np.Array {
  const mean = np.mean(patches.ref, -1, { keepdims: true });
  const deviation = np.sqrt(np.var_(patches.ref, -1, { correction: 1, keepdims: true }).add(eps));
  return patches.sub(mean).div(deviation);
}
