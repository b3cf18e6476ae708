import { type MaeConfig, maeFlops, maeParameters } from '@maehem/mae';
import { patchGrid } from '@maehem/patches';
import { type PretrainConfig, visibleTokens } from '@maehem/train';
import { tokenCount } from '@maehem/vit';

/** What a run costs, told before it starts. */
export interface Estimate {
  readonly parameters: number;
  readonly encoderParameters: number;
  /** FLOPs of one optimizer step: forward, and twice as many backward. */
  readonly stepFlops: number;
  /** Bytes of all engines: weights, gradients and AdamW's two moments, and what the backward pass needs of a batch. */
  readonly memoryBytes: number;
  /** Of them on one engine: each thread has one, with its part of the batch. */
  readonly engineBytes: number;
  /** The largest single tensor, in bytes: engines have a limit of their own for that. */
  readonly largestTensorBytes: number;
}

/** How an engine goes about it. */
export interface Execution {
  /** Engines that share each step. */
  readonly threads: number;
  /** Does the backward pass find attention probabilities kept? WebGPU's flash attention computes them again. */
  readonly keepsAttention: boolean;
  /** Every so manieth block is computed twice, and only its input kept; 0 for none. */
  readonly recompute: number;
}

const FLOAT = 4;
/** Weights, gradients, first and second moments. */
const COPIES = 4;
/**
 * Values that a block keeps of a token for its backward pass, in widths of the token: its input, two norms, the packed
 * qkv (3), the heads' output, the second residual, and the projection; the MLP's are counted by its width.
 */
const KEPT_WIDTHS = 9;
/** Of the MLP: before GELU, its derivative, after it. */
const KEPT_HIDDEN = 3;

/** Reckon the cost of a configuration. Memory is an upper estimate: engines free some of it early. */
export function estimate(
  config: PretrainConfig,
  { threads, keepsAttention, recompute }: Execution,
): Estimate {
  const { model, batch, accumulate } = config;
  const visible = visibleTokens(config.mask, model);
  const { total, encoder } = maeParameters(model);
  const flops = maeFlops(model, visible);
  const trunks = trunksOf(model, visible).map((trunk) => ({
    ...trunk,
    attention: keepsAttention ? trunk.heads * trunk.tokens : 0,
  }));
  const kept = trunks.reduce((sum, trunk) => sum + keptOfTrunk(model, trunk, recompute), 0);
  const part = batch / threads;
  const engineBytes = FLOAT * (COPIES * total + part * kept);
  return {
    parameters: total,
    encoderParameters: encoder,
    stepFlops: 3 * batch * accumulate * (flops.encoder + flops.decoder),
    memoryBytes: threads * engineBytes,
    engineBytes,
    largestTensorBytes: FLOAT * Math.max(part * largestOfImage(model, trunks), largestWeight(model)),
  };
}

interface Trunk {
  readonly depth: number;
  readonly dim: number;
  readonly heads: number;
  readonly tokens: number;
}

/** Encoder and decoder; the class token counts. */
function trunksOf(model: MaeConfig, visible: number): readonly Trunk[] {
  const { depth, dim, heads, decoderDepth, decoderDim, decoderHeads } = model;
  const tokens = tokenCount(model);
  const encoded = model.encoderMaskTokens ? tokens : visible;
  return [
    { depth, dim, heads, tokens: encoded + 1 },
    { depth: decoderDepth, dim: decoderDim, heads: decoderHeads, tokens: tokens + 1 },
  ];
}

/** A trunk, and the attention probabilities that it keeps of a token. */
type KeepingTrunk = Trunk & { readonly attention: number };

/** Values that a trunk keeps of one image: of blocks that are computed twice their inputs, and one of them at a time whole. */
function keptOfTrunk(model: MaeConfig, trunk: KeepingTrunk, recompute: number): number {
  const twice = recompute === 0 ? 0 : Math.floor(trunk.depth / recompute);
  const whole = trunk.depth - twice + Math.min(twice, 1);
  return whole * keptOfBlock(model, trunk) + twice * trunk.tokens * trunk.dim;
}

/** Values that a block keeps of one image. */
function keptOfBlock({ mlpRatio }: MaeConfig, { dim, tokens, attention }: KeepingTrunk): number {
  return tokens * (dim * (KEPT_WIDTHS + KEPT_HIDDEN * mlpRatio) + attention);
}

/** Values of the largest tensor of one image: qkv, an MLP's hidden layer, attention, or the patches themselves. */
function largestOfImage(model: MaeConfig, trunks: readonly KeepingTrunk[]): number {
  const { imageSize, patchSize, channels, mlpRatio } = model;
  const { tokens } = patchGrid(...imageSize, patchSize);
  const patches = tokens * patchSize[0] * patchSize[1] * channels;
  const inBlocks = trunks.map(
    ({ dim, tokens, attention }) => tokens * Math.max(3 * dim, mlpRatio * dim, attention),
  );
  return Math.max(patches, ...inBlocks);
}

/** Values of the largest weight: an MLP's or qkv's. */
function largestWeight({ dim, decoderDim, mlpRatio }: MaeConfig): number {
  return Math.max(dim, decoderDim) ** 2 * Math.max(3, mlpRatio);
}
