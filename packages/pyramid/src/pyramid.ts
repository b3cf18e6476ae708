import { gelu, type LayerNorm, type Linear, layerNorm, linear } from '@maehem/kernels';
import { fold, type Key } from '@maehem/random';
import { initLayerNorm, initLinear } from '@maehem/vit';
import { convolution } from './convolution.js';
import type { FeatureMap } from './feature-map.js';
import { doubleResolution, halveResolution } from './resample.js';

/** One level: 1 x 1, norm, 3 x 3, norm, as in ViTDet. */
export type Level = {
  readonly lateral: Linear;
  readonly lateralNorm: LayerNorm;
  /** weight [channels, 9 * channels] */
  readonly output: Linear;
  readonly outputNorm: LayerNorm;
};

/** Parameters of a simple feature pyramid; `quarter` is the finest level. */
export type Pyramid = {
  /** Two transposed convolutions, a norm and GELU between them: four times the resolution. */
  readonly quarterUp: { readonly first: Linear; readonly norm: LayerNorm; readonly second: Linear };
  /** One transposed convolution: twice the resolution. */
  readonly halfUp: Linear;
  readonly quarter: Level;
  readonly half: Level;
  readonly whole: Level;
  readonly double: Level;
};

/** Widths of a pyramid. */
export interface PyramidConfig {
  /** Of the encoder's tokens. */
  readonly dim: number;
  /** Of every level; 256 in ViTDet. */
  readonly channels: number;
}

/** The maps of a pyramid, finest first: strides of patch / 4, patch / 2, patch and 2 * patch; 4, 8, 16, 32 for patches of 16. */
export type PyramidMaps = readonly [FeatureMap, FeatureMap, FeatureMap, FeatureMap];

/** Fresh parameters, Xavier-uniform as the encoder's. */
export function initPyramid(key: Key, { dim, channels }: PyramidConfig): Pyramid {
  const half = dim / 2;
  const quarter = dim / 4;
  if (!Number.isInteger(quarter)) throw new Error(`the encoder's width must be a multiple of 4, got ${dim}`);
  const at = (name: string): Key => fold(key, name);
  return {
    quarterUp: {
      first: initLinear(at('quarterUp.first'), dim, 4 * half),
      norm: initLayerNorm(half),
      second: initLinear(at('quarterUp.second'), half, 4 * quarter),
    },
    halfUp: initLinear(at('halfUp'), dim, 4 * half),
    quarter: initLevel(at('quarter'), quarter, channels),
    half: initLevel(at('half'), half, channels),
    whole: initLevel(at('whole'), dim, channels),
    double: initLevel(at('double'), dim, channels),
  };
}

function initLevel(key: Key, dim: number, channels: number): Level {
  return {
    lateral: initLinear(fold(key, 'lateral'), dim, channels),
    lateralNorm: initLayerNorm(channels),
    output: initLinear(fold(key, 'output'), 9 * channels, channels),
    outputNorm: initLayerNorm(channels),
  };
}

/**
 * The simple feature pyramid of a plain ViT (Li et al. 2022, "Exploring Plain Vision Transformer Backbones for Object
 * Detection", section 3): from its last map alone, no top-down path.
 * @param map the encoder's last map, an even number of patches each way
 */
export function featurePyramid(params: Pyramid, map: FeatureMap): PyramidMaps {
  const { first, norm, second } = params.quarterUp;
  const doubled = doubleResolution(first, map);
  const active = gelu(layerNorm(norm, doubled.tokens));
  const quarter = doubleResolution(second, { tokens: active, grid: doubled.grid });
  return [
    level(params.quarter, quarter),
    level(params.half, doubleResolution(params.halfUp, map)),
    level(params.whole, map),
    level(params.double, halveResolution(map)),
  ];
}

function level(params: Level, { tokens, grid }: FeatureMap): FeatureMap {
  const lateral = layerNorm(params.lateralNorm, linear(params.lateral, tokens));
  const output = convolution(params.output, { tokens: lateral, grid });
  return { tokens: layerNorm(params.outputNorm, output.tokens), grid };
}
