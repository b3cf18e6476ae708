import { type MaeConfig, maeFlops, maeParameters } from '@maehem/mae';
import { type PretrainConfig, visibleTokens } from '@maehem/train';
import { tokenCount } from '@maehem/vit';

/** What a run costs, told before it starts. */
export interface Estimate {
  readonly parameters: number;
  readonly encoderParameters: number;
  /** FLOPs of one optimizer step: forward, and twice as many backward. */
  readonly stepFlops: number;
  /** Bytes: weights, gradients and AdamW's two moments, and what the backward pass needs of a batch. */
  readonly memoryBytes: number;
  /** The largest single tensor, in bytes: engines have a limit of their own for that. */
  readonly largestTensorBytes: number;
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
export function estimate(config: PretrainConfig): Estimate {
  const { model, batch, accumulate } = config;
  const visible = visibleTokens(config.mask, model);
  const { total, encoder } = maeParameters(model);
  const flops = maeFlops(model, visible);
  const encoded = model.encoderMaskTokens ? tokenCount(model) : visible;
  const trunks = [
    { depth: model.depth, dim: model.dim, heads: model.heads, tokens: encoded + 1 },
    {
      depth: model.decoderDepth,
      dim: model.decoderDim,
      heads: model.decoderHeads,
      tokens: tokenCount(model) + 1,
    },
  ];
  const kept = trunks.reduce((sum, trunk) => sum + trunk.depth * keptOfBlock(model, trunk), 0);
  return {
    parameters: total,
    encoderParameters: encoder,
    stepFlops: 3 * batch * accumulate * (flops.encoder + flops.decoder),
    memoryBytes: FLOAT * (COPIES * total + batch * kept),
    largestTensorBytes: FLOAT * batch * Math.max(...trunks.map((trunk) => largestOfBlock(model, trunk))),
  };
}

interface Trunk {
  readonly dim: number;
  readonly heads: number;
  readonly tokens: number;
}

/** Values that a block keeps of one image. */
function keptOfBlock({ mlpRatio }: MaeConfig, { dim, heads, tokens }: Trunk): number {
  return tokens * (dim * (KEPT_WIDTHS + KEPT_HIDDEN * mlpRatio) + heads * tokens);
}

function largestOfBlock({ mlpRatio }: MaeConfig, { dim, heads, tokens }: Trunk): number {
  return tokens * Math.max(3 * dim, mlpRatio * dim, heads * tokens);
}
