/** exp(x) = 2^whole * 2^(step / 64) * e^rest, with |rest| <= ln 2 / 128. */
const STEPS = 64;
/** Below this exp(x) is smaller than any float32. */
const SMALLEST = -104;
const WHOLE = Float64Array.from({ length: 152 }, (_, power) => 2 ** -power);
const FRACTION = Float64Array.from({ length: STEPS }, (_, step) => 2 ** (step / STEPS));

/**
 * exp(x) for x <= 0, to 1e-10: enough for float32, and four times as fast as Math.exp, which is a fifth of
 * a GELU's time.
 */
export function exponential(x: number): number {
  if (!(x > SMALLEST)) return Number.isNaN(x) ? x : 0;
  // Rounds to nearest, x being negative; Math.round is several times as slow.
  const steps = (x * (STEPS / Math.LN2) - 0.5) | 0;
  const rest = x - steps * (Math.LN2 / STEPS);
  const power = -(steps >> 6);
  return (
    WHOLE[power]! * FRACTION[steps & 63]! * (1 + rest * (1 + rest * (0.5 + rest * (1 / 6 + rest * (1 / 24)))))
  );
}
