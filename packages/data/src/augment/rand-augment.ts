import { fold, integer, type Key, normal, uniform } from '@maehem/random';
import type { Image } from '../image.js';
import { affine, rotate } from './affine.js';
import { adjustBrightness, adjustColour, adjustContrast, adjustSharpness } from './enhance.js';
import { autoContrast, equalize, invert, posterize, solarize, solarizeAdd } from './tone.js';

/** RandAugment (Cubuk et al. 2020) as timm has it: `rand-m9-mstd0.5-inc1` with the defaults, "(9, 0.5)" in table 9. */
export interface RandAugmentOptions {
  /** Strength, 0 … 10. Default 9. */
  readonly magnitude?: number;
  /** Deviation of the strength from call to call. Default 0.5. */
  readonly magnitudeStd?: number;
  /** Operations an image. Default 2. */
  readonly operations?: number;
  /** Chance of each to be carried out. Default 0.5. */
  readonly probability?: number;
}

/** What an operation gets: a strength of 0 … 10, a sign that is a fair coin, the value for pixels from outside. */
interface Draw {
  readonly level: number;
  readonly sign: 1 | -1;
  readonly fill: readonly number[];
}

type Operation = (image: Image, draw: Draw) => Image;

const MAX_LEVEL = 10;
/** Factors of colour, contrast, brightness and sharpness: 1 ± 0.9 at most. */
const enhanced = ({ level, sign }: Draw): number => Math.max(0.1, 1 + sign * (level / MAX_LEVEL) * 0.9);
const shear = ({ level, sign }: Draw): number => sign * (level / MAX_LEVEL) * 0.3;
/** As a share of the image's side. */
const translation = ({ level, sign }: Draw): number => sign * (level / MAX_LEVEL) * 0.45;

/** The names, ranges and order of timm's `_RAND_INCREASING_TRANSFORMS`: a higher level never does less. */
export const RAND_AUGMENT_OPERATIONS: Readonly<Record<string, Operation>> = {
  AutoContrast: (image) => autoContrast(image),
  Equalize: (image) => equalize(image),
  Invert: (image) => invert(image),
  Rotate: (image, draw) => rotate(image, draw.sign * (draw.level / MAX_LEVEL) * 30, draw.fill),
  PosterizeIncreasing: (image, { level }) => posterize(image, 4 - Math.trunc((level / MAX_LEVEL) * 4)),
  SolarizeIncreasing: (image, { level }) =>
    solarize(image, 256 - Math.min(256, Math.trunc((level / MAX_LEVEL) * 256))),
  SolarizeAdd: (image, { level }) => solarizeAdd(image, Math.min(128, Math.trunc((level / MAX_LEVEL) * 110))),
  ColorIncreasing: (image, draw) => adjustColour(image, enhanced(draw)),
  ContrastIncreasing: (image, draw) => adjustContrast(image, enhanced(draw)),
  BrightnessIncreasing: (image, draw) => adjustBrightness(image, enhanced(draw)),
  SharpnessIncreasing: (image, draw) => adjustSharpness(image, enhanced(draw)),
  ShearX: (image, draw) => affine(image, [1, shear(draw), 0, 0, 1, 0], draw.fill),
  ShearY: (image, draw) => affine(image, [1, 0, 0, shear(draw), 1, 0], draw.fill),
  TranslateXRel: (image, draw) => affine(image, [1, 0, translation(draw) * image.width, 0, 1, 0], draw.fill),
  TranslateYRel: (image, draw) => affine(image, [1, 0, 0, 0, 1, translation(draw) * image.height], draw.fill),
};

const OPERATIONS = Object.values(RAND_AUGMENT_OPERATIONS);

/**
 * Carries out randomly drawn operations, by `key`.
 * @param fill 0 … 255, one a channel: the data set's mean colour, for pixels from outside
 * @throws when an option is out of range.
 */
export function randAugment(
  image: Image,
  key: Key,
  fill: readonly number[],
  options: RandAugmentOptions = {},
): Image {
  const { magnitude = 9, magnitudeStd = 0.5, operations = 2, probability = 0.5 } = options;
  assertRange('magnitude', magnitude, MAX_LEVEL);
  assertRange('probability', probability, 1);
  let augmented = image;
  for (let index = 0; index < operations; index++) {
    const own = fold(key, index);
    if (uniform(fold(own, 'whether'), 1)[0]! >= probability) continue;
    const wanted = normal(fold(own, 'level'), 1, magnitude, magnitudeStd)[0]!;
    const draw: Draw = {
      level: Math.min(MAX_LEVEL, Math.max(0, wanted)),
      sign: uniform(fold(own, 'sign'), 1)[0]! < 0.5 ? 1 : -1,
      fill,
    };
    augmented = OPERATIONS[integer(fold(own, 'which'), OPERATIONS.length)]!(augmented, draw);
  }
  return augmented;
}

function assertRange(name: string, value: number, most: number): void {
  if (!(value >= 0 && value <= most))
    throw new Error(`RandAugment's ${name} must be a number from 0 to ${most}, got ${value}`);
}
