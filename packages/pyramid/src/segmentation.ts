import { add, gelu, type LayerNorm, type Linear, layerNorm, linear } from '@maehem/kernels';
import { fold, type Key } from '@maehem/random';
import { initLayerNorm, initLinear } from '@maehem/vit';
import { convolution } from './convolution.js';
import type { FeatureMap } from './feature-map.js';
import type { PyramidMaps } from './pyramid.js';
import { repeatTokens } from './resample.js';

/** Parameters of a segmentation decoder: a 3 x 3 convolution, a norm, and a class per place. */
export type Segmenter = {
  /** weight [channels, 9 * channels] */
  readonly fuse: Linear;
  readonly norm: LayerNorm;
  /** weight [classes, channels] */
  readonly head: Linear;
};

/** Fresh parameters. */
export function initSegmenter(
  key: Key,
  { channels, classes }: { readonly channels: number; readonly classes: number },
): Segmenter {
  return {
    fuse: initLinear(fold(key, 'fuse'), 9 * channels, channels),
    norm: initLayerNorm(channels),
    head: initLinear(fold(key, 'head'), channels, classes),
  };
}

/**
 * Class logits at the finest level: all levels brought to it and added (as in Kirillov et al. 2019, "Panoptic feature
 * pyramid networks", section 3), fused, classified.
 * @returns a map with classes for channels, at a stride of a quarter patch
 */
export function segment(params: Segmenter, maps: PyramidMaps): FeatureMap {
  const [finest, ...coarser] = maps;
  const summed = coarser.reduce(
    (sum, map) => add(sum, repeatTokens(map, finest.grid[0] / map.grid[0]).tokens),
    finest.tokens,
  );
  const fused = convolution(params.fuse, { tokens: summed, grid: finest.grid }).tokens;
  return { tokens: linear(params.head, gelu(layerNorm(params.norm, fused))), grid: finest.grid };
}

/**
 * Mean over classes of intersection over union, the usual measure of segmentation; classes that neither side has are
 * left out.
 * @param predicted class of each place
 * @param labels class of each place; a negative one is not counted
 */
export function meanIntersectionOverUnion(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): number {
  const intersection = new Float64Array(classes);
  const union = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) {
    const truth = labels[i]!;
    const guess = predicted[i]!;
    if (truth < 0) continue;
    union[truth]!++;
    if (guess === truth) intersection[truth]!++;
    else union[guess]!++;
  }
  const present = [...union.keys()].filter((index) => union[index]! > 0);
  return present.reduce((sum, index) => sum + intersection[index]! / union[index]!, 0) / present.length;
}
