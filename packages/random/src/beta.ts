import { normal, uniform } from './draw.js';
import { fold, type Key } from './key.js';

/** A chance below 1e-9 of needing more tries than this, at any shape. */
const ATTEMPTS = 64;

/**
 * A number from the beta distribution, in [0, 1]: the share of one gamma variate in the sum of two. In float32, which
 * hides that engines may differ in the last digit of a logarithm.
 * @param a, b shapes, above 0
 * @throws when a shape is not a positive number.
 */
export function beta(key: Key, a: number, b: number): number {
  const x = gamma(fold(key, 'a'), a);
  const y = gamma(fold(key, 'b'), b);
  // Tiny shapes can give two zeros; the distribution then has all its weight at its ends.
  return x + y === 0 ? Math.round(uniform(fold(key, 'end'), 1)[0]!) : Math.fround(x / (x + y));
}

/** A number from the gamma distribution of scale 1 (Marsaglia & Tsang 2000). */
function gamma(key: Key, shape: number): number {
  if (!(shape > 0 && Number.isFinite(shape)))
    throw new Error(`the shape of a beta distribution must be a positive number, got ${shape}`);
  if (shape < 1) return gamma(key, shape + 1) * (1 - uniform(fold(key, 'boost'), 1)[0]!) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const x = normal(fold(fold(key, 'normal'), attempt), 1)[0]!;
    const u = 1 - uniform(fold(fold(key, 'uniform'), attempt), 1)[0]!;
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(u) < 0.5 * x * x + d * (1 - v + Math.log(v))) return d * v;
  }
  return d;
}
