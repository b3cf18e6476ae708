import type { Named } from '../host-tensor.js';
import { named } from '../safetensors.js';
import type { TensorSource } from '../tensor-source.js';
import { concatRows, sliceRows, zeros } from './rows.js';

/** Names of transformers' ViT models beside the reference's: of single tensors and layers, … */
const OUTER: readonly (readonly [ours: string, theirs: string])[] = [
  ['cls_token', 'embeddings.cls_token'],
  ['pos_embed', 'embeddings.position_embeddings'],
  ['patch_embed.proj', 'embeddings.patch_embeddings.projection'],
  ['norm', 'layernorm'],
  ['decoder_embed', 'decoder.decoder_embed'],
  ['mask_token', 'decoder.mask_token'],
  ['decoder_pos_embed', 'decoder.decoder_pos_embed'],
  ['decoder_norm', 'decoder.decoder_norm'],
  ['decoder_pred', 'decoder.decoder_pred'],
  ['head', 'classifier'],
];
/** … of stacks of blocks (the last is what transformers 5.17 makes of the decoder's when it saves), … */
const STACKS: readonly (readonly [ours: string, theirs: string])[] = [
  ['blocks', 'encoder.layer'],
  ['decoder_blocks', 'decoder.decoder_layers'],
  ['decoder_blocks', 'decoder.decoder_encoder.layer'],
];
/** … and of the layers of a block, whose packed `attn.qkv` is three layers there. */
const INNER: readonly (readonly [ours: string, theirs: string])[] = [
  ['norm1', 'layernorm_before'],
  ['attn.proj', 'attention.output.dense'],
  ['norm2', 'layernorm_after'],
  ['mlp.fc1', 'intermediate.dense'],
  ['mlp.fc2', 'output.dense'],
];
const QKV = ['query', 'key', 'value'] as const;

/** Outside of the encoder, which `ViTMAEForPreTraining` and `ViTForImageClassification` call `vit`. */
const OUTSIDE = /^(decoder|classifier)\./;
const ENCODER_PREFIX = 'vit.';

/**
 * Names of transformers' `ViTMAEForPreTraining`, `ViTMAEModel`, `ViTModel` and `ViTForImageClassification` to the
 * reference's; query, key and value are packed into `attn.qkv`. Unknown names pass unchanged.
 */
export function fromHuggingFace(tensors: Named<TensorSource>, file: string): Named<TensorSource> {
  const out: [string, TensorSource][] = [];
  const parts = new Map<string, Map<string, TensorSource>>();
  for (const [name, tensor] of Object.entries(tensors)) {
    const part = qkvPart(name);
    if (part === undefined) out.push([referenceName(name), tensor]);
    else parts.set(part.packed, (parts.get(part.packed) ?? new Map()).set(part.which, tensor));
  }
  for (const [packed, three] of parts) {
    const sources = QKV.flatMap((which) => three.get(which) ?? []);
    // Missing ones are left out, so that the packed tensor is reported as missing.
    if (sources.length === QKV.length) out.push([packed, concatRows(sources, packed, file)]);
  }
  // Without `qkv_bias` there are no such biases: zeros are the same.
  for (const [name, tensor] of [...out]) {
    const bias = name.replace(/qkv\.weight$/, 'qkv.bias');
    if (bias !== name && !parts.has(bias)) out.push([bias, zeros([tensor.shape[0]!])]);
  }
  return named(out);
}

/**
 * The reference's names to those of transformers, packed `attn.qkv` split in three.
 * @param prefix 'vit.' for models with a decoder or a classifier, '' for the bare encoder
 */
export function toHuggingFace(tensors: Named<TensorSource>, prefix: 'vit.' | ''): Named<TensorSource> {
  const full = (name: string): string => (OUTSIDE.test(name) ? name : prefix + name);
  return named(
    Object.entries(tensors).flatMap(([name, tensor]): [string, TensorSource][] => {
      const block = /^(blocks|decoder_blocks)\.(\d+)\.(.+)\.(weight|bias)$/.exec(name);
      if (block === null) return [[full(outerName(name)), tensor]];
      const [, stack, index, layer, kind] = block as unknown as [string, string, string, string, string];
      const place = `${lookUp(STACKS, stack)}.${index}`;
      if (layer !== 'attn.qkv') return [[full(`${place}.${lookUp(INNER, layer)}.${kind}`), tensor]];
      const rows = tensor.shape[0]! / QKV.length;
      return QKV.map((which, part) => [
        full(`${place}.attention.attention.${which}.${kind}`),
        sliceRows(tensor, part * rows, rows),
      ]);
    }),
  );
}

function referenceName(theirs: string): string {
  const name = theirs.startsWith(ENCODER_PREFIX) ? theirs.slice(ENCODER_PREFIX.length) : theirs;
  for (const [ours, stack] of STACKS) {
    if (!name.startsWith(`${stack}.`)) continue;
    const inner = /^(\d+)\.(.+)\.(weight|bias)$/.exec(name.slice(stack.length + 1));
    const layer = INNER.find(([, layer]) => layer === inner?.[2])?.[0];
    if (inner !== null && layer !== undefined) return `${ours}.${inner[1]}.${layer}.${inner[3]}`;
  }
  for (const [ours, layer] of OUTER)
    if (name === layer || name === `${layer}.weight` || name === `${layer}.bias`)
      return ours + name.slice(layer.length);
  return theirs;
}

function outerName(ours: string): string {
  for (const [layer, theirs] of OUTER)
    if (ours === layer || ours === `${layer}.weight` || ours === `${layer}.bias`)
      return theirs + ours.slice(layer.length);
  return ours;
}

function lookUp(table: readonly (readonly [string, string])[], ours: string): string {
  return table.find(([name]) => name === ours)?.[1] ?? ours;
}

/** Is this query, key or value of a block? Then of which packed tensor. */
function qkvPart(theirs: string): { packed: string; which: string } | undefined {
  const match = /^(?:vit\.)?(.+)\.(\d+)\.attention\.attention\.(query|key|value)\.(weight|bias)$/.exec(
    theirs,
  );
  const stack = STACKS.find(([, stack]) => stack === match?.[1])?.[0];
  if (match === null || stack === undefined) return undefined;
  return { packed: `${stack}.${match[2]}.attn.qkv.${match[4]}`, which: match[3]! };
}
