import { difference, type Numbers } from './difference.js';

/** What a tensor is, which decides how closely it must agree (README of the golden folder). */
export type Kind = 'exact' | 'activation' | 'gradient' | 'updated';

/** Relative to the largest expected entry. */
const RELATIVE: Readonly<Record<Kind, number>> = { exact: 0, activation: 1e-4, gradient: 1e-3, updated: 1e-3 };
/** Adam's first steps amplify rounding where a gradient is near zero: updated weights may differ so much. */
const UPDATED_ABSOLUTE = 2e-4;

/** One tensor of one case, compared. */
export interface Comparison {
  readonly case: string;
  readonly tensor: string;
  readonly kind: Kind;
  /** Largest difference over the largest expected entry. */
  readonly relative: number;
  readonly absolute: number;
  readonly tolerance: number;
  readonly passed: boolean;
}

/** Compare one tensor. A different length fails with an infinite error. */
export function compare(caseName: string, tensor: string, kind: Kind, actual: Numbers, expected: Numbers): Comparison {
  const { absolute, relative } = difference(actual, expected);
  const tolerance = RELATIVE[kind];
  const passed = relative <= tolerance || (kind === 'updated' && absolute <= UPDATED_ABSOLUTE);
  return { case: caseName, tensor, kind, relative, absolute, tolerance, passed };
}
