// Four float32 at a time. Every helper is inlined: nothing here touches memory that it isn't given.

/** a * b + c: one rounding and one instruction in the relaxed build, two of each in the other. */
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f32>(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** The first `count` (1 to 3) floats at `p`, the other lanes zero: never reads past them. */
@inline export function loadSome(p: usize, count: i32): v128 {
  if (count == 1) return v128.load_zero<f32>(p);
  const two = v128.load_zero<f64>(p);
  return count == 2 ? two : v128.load_lane<f32>(p, two, 2, 8);
}

@inline export function storeSome(p: usize, value: v128, count: i32): void {
  if (count == 1) {
    v128.store_lane<f32>(p, value, 0);
    return;
  }
  v128.store_lane<f64>(p, value, 0);
  if (count == 3) v128.store_lane<f32>(p, value, 2, 8);
}

@inline export function sumLanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** Lanes 0 and 1 as float64. */
@inline export function lowDoubles(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** Lanes 2 and 3 as float64. */
@inline export function highDoubles(v: v128): v128 {
  return f64x2.promote_low_f32x4(i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
}

@inline export function sumDoubles(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/**
 * exp(x) for x <= 0, to 2e-7 relative; below -87 what float32 holds least. NaN stays NaN.
 * x = n ln 2 + r with |r| <= ln 2 / 2 (ln 2 in two parts), a polynomial for e^r (Cephes' expf), and 2^n by
 * adding n to the exponent. Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
 */
@inline export function exponential(x: v128): v128 {
  const clamped = f32x4.pmax(x, f32x4.splat(-87.0));
  const shifted = madd(clamped, f32x4.splat(1.4426950408889634), f32x4.splat(12582912.0));
  const whole = f32x4.sub(shifted, f32x4.splat(12582912.0));
  const r = madd(whole, f32x4.splat(2.12194440e-4), madd(whole, f32x4.splat(-0.693359375), clamped));
  let p = madd(r, f32x4.splat(1.9875691500e-4), f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), f32x4.splat(1.0));
  return i32x4.add(p, i32x4.shl(shifted, 23));
}
