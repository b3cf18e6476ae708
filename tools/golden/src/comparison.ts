import { difference, type Numbers } from './difference.js';

/** What a tensor is, which decides how closely it must agree (README of the golden folder). */
type Kind = TensorKind | 'pixels';
export type TensorKind = 'exact' | 'activation' | 'gradient' | 'updated';

/** Relative to the largest expected entry; for pixels, the mean relative to their range. */
const RELATIVE: Readonly<Record<Kind, number>> = {
  exact: 0,
  activation: 1e-4,
  gradient: 1e-3,
  updated: 1e-3,
  pixels: 1 / 255,
};
/** Adam's first steps amplify rounding where a gradient is near zero: updated weights may differ so much. */
const UPDATED_ABSOLUTE = 2e-4;

/** One tensor of one case, compared. */
export interface Comparison {
  readonly case: string;
  readonly tensor: string;
  readonly kind: Kind;
  /** Largest difference over the largest expected entry; for pixels, mean difference over their range. */
  readonly relative: number;
  /** Largest difference. */
  readonly absolute: number;
  readonly tolerance: number;
  readonly passed: boolean;
}

/** Compare one tensor. A different length fails with an infinite error. */
export function compare(
  caseName: string,
  tensor: string,
  kind: TensorKind,
  actual: Numbers,
  expected: Numbers,
): Comparison {
  const { absolute, relative } = difference(actual, expected);
  const tolerance = RELATIVE[kind];
  const passed = relative <= tolerance || (kind === 'updated' && absolute <= UPDATED_ABSOLUTE);
  return { case: caseName, tensor, kind, relative, absolute, tolerance, passed };
}

/**
 * Compare pixels by their mean difference: decoders and resizers differ in the last bit here and there.
 * @param range from black to white: 255 for bytes
 */
export function comparePixels(
  caseName: string,
  tensor: string,
  actual: Numbers,
  expected: Numbers,
  range: number,
): Comparison {
  const { absolute, mean } = difference(actual, expected);
  const relative = mean / range;
  const tolerance = RELATIVE.pixels;
  return {
    case: caseName,
    tensor,
    kind: 'pixels',
    relative,
    absolute,
    tolerance,
    passed: relative <= tolerance,
  };
}
