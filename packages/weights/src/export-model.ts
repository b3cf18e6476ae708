import { ARCHITECTURE_NOTE, type Architecture, assertKnown, decoderHeads } from './architecture.js';
import type { Named } from './host-tensor.js';
import type { ModelWeights } from './model-weights.js';
import { toHuggingFace } from './names/hugging-face.js';
import type { TensorSource } from './tensor-source.js';
import { WeightsError } from './weights-error.js';

/** A model under somebody's names, with the `config.json` that goes with it. */
export interface ExportedModel {
  readonly tensors: Named<TensorSource>;
  readonly config: object;
  /** Tensors (the reference's names) that have no place there. */
  readonly dropped: readonly string[];
}

/** Channel means and deviations of the pixels that a model was trained on, on [0, 1]. */
export interface PixelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** ImageNet's, which the reference uses. */
export const IMAGENET_STATISTICS: PixelStatistics = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

const LAYER = '(weight|bias)';
const BLOCK = `(norm1|attn\\.qkv|attn\\.proj|norm2|mlp\\.fc1|mlp\\.fc2)\\.${LAYER}`;
const ENCODER = new RegExp(
  `^(cls_token|pos_embed|patch_embed\\.proj\\.${LAYER}|blocks\\.\\d+\\.${BLOCK}|norm\\.${LAYER})$`,
);
const HEAD = new RegExp(`^(fc_norm|head)\\.${LAYER}$`);
const DECODER = new RegExp(
  `^(mask_token|decoder_pos_embed|decoder_(embed|norm|pred)\\.${LAYER}|decoder_blocks\\.\\d+\\.${BLOCK}|encoder_mask_token)$`,
);

/** The tensors of a model that pass a test, and the names of the others. */
function keep(
  { tensors }: ModelWeights,
  isKept: (name: string) => boolean,
): { tensors: Named<TensorSource>; dropped: string[] } {
  const entries = Object.entries(tensors);
  return {
    tensors: Object.fromEntries(entries.filter(([name]) => isKept(name))),
    dropped: entries.map(([name]) => name).filter((name) => !isKept(name)),
  };
}

/** The reference's names, tensors that no vision transformer here has left out; the config is the architecture. */
export function referenceModel(model: ModelWeights): ExportedModel {
  const kept = keep(model, (name) => ENCODER.test(name) || HEAD.test(name) || DECODER.test(name));
  return { ...kept, config: model.architecture };
}

/** What a file of the reference's names says of its architecture, for readers here: `heads` are in no shape. */
export function architectureNote({ guessed: _, ...architecture }: Architecture): Named<string> {
  return { [ARCHITECTURE_NOTE]: JSON.stringify(architecture) };
}

/**
 * transformers' names and config: `ViTMAEForPreTraining` with a decoder, `ViTMAEModel` without,
 * `ViTForImageClassification` for a classifier on the class token.
 * @throws WeightsError when transformers has no such model.
 */
export function huggingFaceModel(model: ModelWeights): ExportedModel {
  const { architecture, name } = model;
  assertKnown(architecture, name);
  const { kind, decoder, classifier, imageSize, patchSize, channels, dim, depth, heads, mlpRatio } =
    architecture;
  const fail = (problem: string): never => {
    throw new WeightsError(problem, { file: name });
  };
  if (classifier?.pooling === 'mean')
    fail(
      'transformers has no ViT classifier on the mean of the patches: convert it to timm or the reference',
    );
  if (architecture.encoderMaskTokens) fail('transformers has no ViTMAE with mask tokens in the encoder');
  if (patchSize[0] !== patchSize[1])
    fail(`transformers' ViTMAE has square patches, not ${patchSize.join('x')}`);
  const { tensors, dropped } = keep(
    model,
    (each) => ENCODER.test(each) || (kind === 'classifier' ? HEAD.test(each) : DECODER.test(each)),
  );
  const classes = {
    autoencoder: ['vit_mae', 'ViTMAEForPreTraining'],
    encoder: ['vit_mae', 'ViTMAEModel'],
    classifier: ['vit', 'ViTForImageClassification'],
  }[kind] as [string, string];
  const labels = Array.from({ length: classifier?.classes ?? 0 }, (_, index) => `LABEL_${index}`);
  const config = {
    architectures: [classes[1]],
    model_type: classes[0],
    dtype: 'float32',
    ...{
      hidden_act: 'gelu',
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
      initializer_range: 0.02,
    },
    ...{ hidden_size: dim, num_hidden_layers: depth, num_attention_heads: heads },
    ...{
      intermediate_size: Math.round(dim * mlpRatio),
      layer_norm_eps: architecture.normEps,
      qkv_bias: true,
    },
    image_size: imageSize[0] === imageSize[1] ? imageSize[0] : imageSize,
    ...{ patch_size: patchSize[0], num_channels: channels },
    ...(decoder === undefined
      ? {}
      : {
          ...{ decoder_hidden_size: decoder.dim, decoder_num_hidden_layers: decoder.depth },
          decoder_num_attention_heads: decoderHeads(decoder, name),
          decoder_intermediate_size: Math.round(decoder.dim * mlpRatio),
          ...{ mask_ratio: 0.75, norm_pix_loss: architecture.normPix ?? false },
        }),
    ...(classifier === undefined
      ? {}
      : {
          id2label: Object.fromEntries(labels.map((label, index) => [index, label])),
          label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
        }),
  };
  return { tensors: toHuggingFace(tensors, kind === 'encoder' ? '' : 'vit.'), config, dropped };
}

/** timm's models that differ in the width, by width. */
const TIMM_SIZES: Readonly<Record<number, string>> = {
  ...{ 192: 'tiny', 384: 'small', 768: 'base', 1024: 'large', 1280: 'huge' },
};

/** timm's names, which are the reference's without the decoder, and the config of `timm.create_model('local-dir:…')`. */
export function timmModel(
  model: ModelWeights,
  { mean, std }: PixelStatistics = IMAGENET_STATISTICS,
): ExportedModel {
  const { architecture, name } = model;
  assertKnown(architecture, name);
  const { imageSize, patchSize, channels, dim, depth, heads, mlpRatio, classifier } = architecture;
  const { tensors, dropped } = keep(model, (each) => ENCODER.test(each) || HEAD.test(each));
  const pool = classifier?.pooling === 'mean' ? 'avg' : 'token';
  const classes = classifier?.classes ?? 0;
  const config = {
    architecture: `vit_${TIMM_SIZES[dim] ?? 'base'}_patch${dim === 1280 ? 14 : 16}_224`,
    num_classes: classes,
    num_features: dim,
    global_pool: pool,
    model_args: {
      ...{ img_size: imageSize, patch_size: patchSize, in_chans: channels, embed_dim: dim, depth },
      ...{ num_heads: heads, mlp_ratio: mlpRatio, global_pool: pool },
    },
    pretrained_cfg: {
      ...{ input_size: [channels, ...imageSize], interpolation: 'bicubic', crop_pct: 0.9, mean, std },
      ...{ num_classes: classes, pool_size: null, first_conv: 'patch_embed.proj', classifier: 'head' },
    },
  };
  return { tensors, config, dropped };
}

/** transformers' `preprocessor_config.json`: how pixels become the model's input. transformers.js reads it, too. */
export function preprocessorConfig(
  { architecture, name }: ModelWeights,
  { mean, std }: PixelStatistics,
): object {
  assertKnown(architecture, name);
  const [height, width] = architecture.imageSize;
  return {
    image_processor_type: 'ViTImageProcessor',
    ...{ do_resize: true, size: { height, width }, resample: 3 },
    ...{ do_rescale: true, rescale_factor: 1 / 255 },
    ...{ do_normalize: true, image_mean: mean, image_std: std },
  };
}

/** `config.json` beside an ONNX graph: a plain ViT, for the graph masks nothing and has no decoder. */
export function onnxConfig(model: ModelWeights): object {
  const { kind, classifier } = model.architecture;
  const encoder = {
    ...model.architecture,
    kind: kind === 'autoencoder' ? ('encoder' as const) : kind,
    decoder: undefined,
  };
  const asClass = classifier && { ...classifier, pooling: 'class' as const };
  const { config } = huggingFaceModel({ ...model, architecture: { ...encoder, classifier: asClass } });
  return kind === 'classifier' ? config : { ...config, model_type: 'vit', architectures: ['ViTModel'] };
}

/** Tensors that an architecture has and the file lacks; names are the reference's. */
export function missingTensors({ architecture, tensors }: ModelWeights): string[] {
  const layer = (path: string): string[] => [`${path}.weight`, `${path}.bias`];
  const block = (path: string): string[] =>
    ['norm1', 'attn.qkv', 'attn.proj', 'norm2', 'mlp.fc1', 'mlp.fc2'].flatMap((name) =>
      layer(`${path}.${name}`),
    );
  const stack = (path: string, depth: number): string[] =>
    Array.from({ length: depth }, (_, index) => block(`${path}.${index}`)).flat();
  const { decoder, classifier, depth, encoderMaskTokens } = architecture;
  const expected = [
    ...['cls_token', 'pos_embed', ...layer('patch_embed.proj'), ...stack('blocks', depth)],
    ...(classifier?.pooling === 'mean' ? layer('fc_norm') : layer('norm')),
    ...(classifier === undefined ? [] : layer('head')),
    ...(decoder === undefined
      ? []
      : [
          ...[
            ...layer('decoder_embed'),
            encoderMaskTokens ? 'encoder_mask_token' : 'mask_token',
            'decoder_pos_embed',
          ],
          ...[...stack('decoder_blocks', decoder.depth), ...layer('decoder_norm'), ...layer('decoder_pred')],
        ]),
  ];
  return expected.filter((name) => !(name in tensors));
}
