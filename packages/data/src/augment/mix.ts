import { beta, fold, type Key, uniform } from '@maehem/random';

/** Mixup and cutmix as timm's `Mixup` in its mode `batch`: each image with the one at the other end of the batch. */
export interface MixOptions {
  /** Mixup's alpha (Zhang et al. 2018), 0 for none; table 9 has 0.8. */
  readonly mixup: number;
  /** Cutmix's alpha (Yun et al. 2019), 0 for none; table 9 has 1. */
  readonly cutmix: number;
  /** Chance of a batch to be mixed at all. Default 1. */
  readonly probability?: number;
  /** Chance of cutmix where both are on. Default 0.5. */
  readonly switchProbability?: number;
}

/** How a batch was mixed: sample i holds `lambda` of itself and the rest of sample `batch - 1 - i`. */
export interface MixPlan {
  /** In [0, 1]; for cutmix the exact share of pixels that stayed. */
  readonly lambda: number;
  /** The rectangle that is exchanged, for cutmix: rows top … bottom - 1, columns left … right - 1. */
  readonly box?: {
    readonly top: number;
    readonly bottom: number;
    readonly left: number;
    readonly right: number;
  };
}

/**
 * Decides how a batch is mixed.
 * @throws when an option is out of range.
 */
export function mixPlan(
  key: Key,
  size: readonly [height: number, width: number],
  options: MixOptions,
): MixPlan {
  const { mixup, cutmix, probability = 1, switchProbability = 0.5 } = options;
  for (const [name, alpha] of Object.entries({ mixup, cutmix }))
    if (!(alpha >= 0 && Number.isFinite(alpha)))
      throw new Error(`${name} needs an alpha of at least 0, got ${alpha}`);
  if (mixup === 0 && cutmix === 0) return { lambda: 1 };
  if (uniform(fold(key, 'whether'), 1)[0]! >= probability) return { lambda: 1 };
  const cut = cutmix > 0 && (mixup === 0 || uniform(fold(key, 'which'), 1)[0]! < switchProbability);
  const alpha = cut ? cutmix : mixup;
  const lambda = beta(fold(key, 'lambda'), alpha, alpha);
  return cut ? cutPlan(fold(key, 'box'), size, lambda) : { lambda };
}

/** A rectangle of 1 - lambda of the area about a point of chance; what hangs over the edge is cut off, and counted. */
function cutPlan(key: Key, [height, width]: readonly [number, number], lambda: number): MixPlan {
  const ratio = Math.sqrt(1 - lambda);
  const [y, x] = uniform(key, 2) as unknown as [number, number];
  const [top, bottom] = span(Math.floor(y * height), Math.trunc(height * ratio), height);
  const [left, right] = span(Math.floor(x * width), Math.trunc(width * ratio), width);
  return {
    lambda: 1 - ((bottom - top) * (right - left)) / (height * width),
    box: { top, bottom, left, right },
  };
}

function span(centre: number, length: number, limit: number): [from: number, to: number] {
  const half = Math.floor(length / 2);
  return [Math.max(0, centre - half), Math.min(limit, centre + half)];
}

/**
 * Carries a plan out.
 * @param images [batch, height, width, channel]
 * @returns a new batch; the given one where nothing is mixed
 */
export function mixImages(
  images: Float32Array,
  shape: readonly [batch: number, height: number, width: number, channels: number],
  { lambda, box }: MixPlan,
): Float32Array {
  if (lambda === 1) return images;
  const [batch, height, width, channels] = shape;
  const size = height * width * channels;
  const mixed = images.slice();
  for (let sample = 0; sample < batch; sample++) {
    const other = images.subarray((batch - 1 - sample) * size, (batch - sample) * size);
    const own = mixed.subarray(sample * size, (sample + 1) * size);
    if (box === undefined)
      for (let i = 0; i < size; i++) own[i] = own[i]! * lambda + other[i]! * (1 - lambda);
    else
      for (let y = box.top; y < box.bottom; y++) {
        const start = (y * width + box.left) * channels;
        own.set(other.subarray(start, (y * width + box.right) * channels), start);
      }
  }
  return mixed;
}

/**
 * Targets of a mixed batch.
 * @param targets [batch, class] of the batch before it was mixed, smoothed or not
 */
export function mixTargets(targets: Float32Array, classes: number, { lambda }: MixPlan): Float32Array {
  if (lambda === 1) return targets;
  const batch = targets.length / classes;
  return targets.map((value, i) => {
    const other = targets[(batch - 1 - Math.floor(i / classes)) * classes + (i % classes)]!;
    return value * lambda + other * (1 - lambda);
  });
}
