import type { Named, TensorSpec } from './host-tensor.js';
import { loadTensor, type TensorSource } from './tensor-source.js';
import { floatValues } from './values.js';
import { WeightsError } from './weights-error.js';
import type { Note } from './weights-file.js';

type Size = readonly [height: number, width: number];

/** What names, shapes and the notes beside them tell of a vision transformer. */
export interface Architecture {
  /** With the MAE decoder, with a classification head, or neither. */
  readonly kind: 'autoencoder' | 'classifier' | 'encoder';
  /** [height, width] in pixels; `undefined` when the positions fit several images. */
  readonly imageSize: Size | undefined;
  /** [height, width] in pixels */
  readonly patchSize: Size;
  readonly channels: number;
  readonly dim: number;
  readonly depth: number;
  /** `undefined` when neither notes nor the width tell: no tensor has the number of heads in its shape. */
  readonly heads: number | undefined;
  readonly mlpRatio: number;
  readonly normEps: number;
  readonly decoder: DecoderArchitecture | undefined;
  /** The ablation with mask tokens in the encoder. */
  readonly encoderMaskTokens: boolean;
  readonly classifier: { readonly classes: number; readonly pooling: 'mean' | 'class' } | undefined;
  /** Was it trained on normalised patches? `undefined` when nothing says so. */
  readonly normPix: boolean | undefined;
  /** What was concluded and not read, in words: 'heads from the width'. */
  readonly guessed: readonly string[];
}

/** The MAE decoder. */
export interface DecoderArchitecture {
  readonly dim: number;
  readonly depth: number;
  readonly heads: number | undefined;
}

/** What is known beside the tensors: from a `config.json`, a run's `state.json`, or a person. */
export interface ArchitectureHints {
  readonly imageSize?: Size | undefined;
  readonly heads?: number | undefined;
  readonly decoderHeads?: number | undefined;
  readonly normEps?: number | undefined;
  readonly normPix?: boolean | undefined;
}

/** Heads of the published models by width: Ti, S, B, L, H; and the paper's decoder. */
const HEADS: Readonly<Record<number, number>> = { 192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16 };
const DECODER_HEADS: Readonly<Record<number, number>> = { 512: 16 };
/** The reference's, and timm's. */
const NORM_EPS = 1e-6;

/**
 * Conclude an architecture from tensors under the reference's names.
 * @param hints what is known beside them; it goes before what shapes suggest
 * @throws WeightsError when a tensor that every vision transformer has is missing, or of an impossible shape.
 */
export async function readArchitecture(
  tensors: Named<TensorSource>,
  hints: ArchitectureHints,
  file: string,
): Promise<Architecture> {
  const guessed: string[] = [];
  const shape = shapeReader(tensors, file);
  const [dim, channels, ...patchSize] = shape('patch_embed.proj.weight', 4) as [
    number,
    number,
    number,
    number,
  ];
  const grid = await findGrid(tensors, patchSize, hints, guessed, file);
  const [hidden] = shape('blocks.0.mlp.fc1.weight', 2) as [number, number];
  const [classes] = 'head.weight' in tensors ? shape('head.weight', 2) : [];
  const decoder = 'decoder_pred.weight' in tensors ? readDecoder(tensors, shape, hints, guessed) : undefined;
  const heads = hints.heads ?? HEADS[dim];
  if (hints.heads === undefined && heads !== undefined) guessed.push(`${heads} heads from the width`);
  const pooling = 'fc_norm.weight' in tensors ? ('mean' as const) : ('class' as const);
  return {
    kind: decoder !== undefined ? 'autoencoder' : classes !== undefined ? 'classifier' : 'encoder',
    imageSize: grid && [grid[0] * patchSize[0], grid[1] * patchSize[1]],
    ...{ patchSize, channels, dim, depth: countBlocks(tensors, 'blocks'), heads, mlpRatio: hidden / dim },
    normEps: hints.normEps ?? NORM_EPS,
    decoder,
    encoderMaskTokens: 'encoder_mask_token' in tensors,
    classifier: classes === undefined ? undefined : { classes, pooling },
    normPix: hints.normPix,
    guessed,
  };
}

function readDecoder(
  tensors: Named<TensorSpec>,
  shape: ShapeReader,
  hints: ArchitectureHints,
  guessed: string[],
): DecoderArchitecture {
  const [, dim] = shape('decoder_pred.weight', 2) as [number, number];
  const heads = hints.decoderHeads ?? DECODER_HEADS[dim];
  if (hints.decoderHeads === undefined && heads !== undefined)
    guessed.push(`${heads} decoder heads from the width`);
  return { dim, depth: countBlocks(tensors, 'decoder_blocks'), heads };
}

type ShapeReader = (name: string, rank: number) => readonly number[];

function shapeReader(tensors: Named<TensorSpec>, file: string): ShapeReader {
  return (name, rank) => {
    const found = tensors[name];
    if (found === undefined)
      throw new WeightsError('a vision transformer has this tensor, and here it is missing', {
        file,
        tensor: name,
      });
    if (found.shape.length !== rank || found.shape.includes(0))
      throw new WeightsError(`it should have ${rank} dimensions, none of them 0`, {
        file,
        tensor: name,
        value: found.shape,
      });
    return found.shape;
  };
}

function countBlocks(tensors: Named<unknown>, stack: string): number {
  let depth = 0;
  while (`${stack}.${depth}.norm1.weight` in tensors) depth++;
  return depth;
}

/**
 * The grid of patches. Positions are a list: a square number of them is taken for a square, else fixed sin-cos
 * embeddings show where a row ends, for the first half of each encodes the column.
 */
async function findGrid(
  tensors: Named<TensorSource>,
  patchSize: Size,
  { imageSize }: ArchitectureHints,
  guessed: string[],
  file: string,
): Promise<Size | undefined> {
  const positions = tensors['pos_embed'];
  const [, count, dim] = shapeReader(tensors, file)('pos_embed', 3) as [number, number, number];
  const tokens = count - 1;
  if (imageSize !== undefined) {
    const grid = [imageSize[0] / patchSize[0], imageSize[1] / patchSize[1]] as const;
    if (grid[0] * grid[1] === tokens) return grid;
    throw new WeightsError(
      `an image of ${imageSize.join('x')} has not the ${tokens} patches of ${patchSize.join('x')} that there are positions for`,
      { file, tensor: 'pos_embed', value: [1, count, dim] },
    );
  }
  const side = Math.sqrt(tokens);
  if (Number.isInteger(side)) {
    guessed.push(`a square image from its ${tokens} patches`);
    return [side, side];
  }
  const columns = repeatedColumns(floatValues(await loadTensor(positions!)), tokens, dim);
  if (columns === undefined) return undefined;
  guessed.push(`an image of ${tokens / columns} x ${columns} patches from its sin-cos positions`);
  return [tokens / columns, columns];
}

/** After how many tokens the first half of the positions comes back. */
function repeatedColumns(positions: Float32Array, tokens: number, dim: number): number | undefined {
  const half = dim >> 1;
  const isSame = (token: number): boolean => {
    for (let i = 0; i < half; i++)
      if (Math.abs(positions[(1 + token) * dim + i]! - positions[dim + i]!) > 1e-5) return false;
    return true;
  };
  for (let columns = 1; columns < tokens; columns++)
    if (tokens % columns === 0 && isSame(columns)) return columns;
  return undefined;
}

/** An architecture of which everything is known: what a forward pass needs. Field by field a `VitConfig`. */
export interface KnownArchitecture extends Architecture {
  readonly imageSize: Size;
  readonly heads: number;
}

/** @throws WeightsError when the number of heads or the image's size is unknown; the message says what to give. */
export function assertKnown(
  architecture: Architecture,
  file: string,
): asserts architecture is KnownArchitecture {
  const unknown: string[] = [];
  if (architecture.heads === undefined) unknown.push('the number of heads (--heads)');
  if (architecture.imageSize === undefined) unknown.push("the image's height and width (--image-size)");
  assertNone(unknown, file);
}

/** The decoder's number of heads. @throws WeightsError when it is unknown. */
export function decoderHeads({ heads }: DecoderArchitecture, file: string): number {
  if (heads === undefined) assertNone(["the number of the decoder's heads (--decoder-heads)"], file);
  return heads!;
}

function assertNone(unknown: readonly string[], file: string): void {
  if (unknown.length > 0)
    throw new WeightsError(`its tensors do not tell ${unknown.join(' and ')}: give it`, { file });
}

/** What the notes of a checkpoint tell: the reference's `args`, and what `convert` wrote of a model. */
export function hintsOfNotes(notes: Named<Note>): ArchitectureHints {
  const written = notes[ARCHITECTURE_NOTE];
  if (typeof written === 'string') {
    try {
      return hintsOfConfig(JSON.parse(written));
    } catch {
      return {};
    }
  }
  const normPix = notes['args.norm_pix_loss'];
  return { normPix: typeof normPix === 'boolean' ? normPix : undefined };
}

/** The name under which `convert` writes an architecture into a safetensors file. */
export const ARCHITECTURE_NOTE = 'maehem.architecture';

/**
 * What a JSON file beside the weights tells: transformers' `config.json`, timm's, a run's `state.json`, or an
 * {@link Architecture}. Anything else tells nothing.
 */
export function hintsOfConfig(json: unknown): ArchitectureHints {
  if (!isRecord(json)) return {};
  if (isRecord(json['config']) && isRecord(json['config']['model'])) {
    const { model, normPix } = json['config'] as { model: Record<string, unknown>; normPix?: unknown };
    return { ...hintsOfConfig(model), normPix: asBoolean(normPix) };
  }
  if (isRecord(json['pretrained_cfg'])) {
    const size = json['pretrained_cfg']['input_size'];
    return { imageSize: Array.isArray(size) ? asSize(size.slice(1)) : undefined };
  }
  if (typeof json['hidden_size'] === 'number')
    return {
      imageSize: asSize(json['image_size']),
      heads: asCount(json['num_attention_heads']),
      decoderHeads: asCount(json['decoder_num_attention_heads']),
      normEps: typeof json['layer_norm_eps'] === 'number' ? json['layer_norm_eps'] : undefined,
      normPix: asBoolean(json['norm_pix_loss']),
    };
  const decoder = json['decoder'];
  return {
    imageSize: asSize(json['imageSize']),
    heads: asCount(json['heads']),
    decoderHeads: asCount(isRecord(decoder) ? decoder['heads'] : json['decoderHeads']),
    normEps: typeof json['normEps'] === 'number' ? json['normEps'] : undefined,
    normPix: asBoolean(json['normPix']),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function asBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function asSize(value: unknown): Size | undefined {
  const [height, width = height] = Array.isArray(value) ? value.map(asCount) : [asCount(value)];
  return height === undefined || width === undefined ? undefined : [height, width];
}
