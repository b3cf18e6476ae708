import { exponential, loadSome, madd, storeSome } from './simd';

/** The second result of {@link both}: a wasm global, not memory. */
let slope: v128 = f32x4.splat(0);

/**
 * x Φ(x), and Φ(x) + x φ(x) in {@link slope}: erf by Abramowitz & Stegun 7.1.26 (error 1.5e-7), whose
 * exponential exp(-x²/2) is the normal density too.
 */
@inline function both(x: v128): v128 {
  const half = f32x4.splat(0.5);
  const one = f32x4.splat(1.0);
  const gauss = exponential(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)));
  // 0.3275911 / √2
  const t = f32x4.div(one, madd(f32x4.abs(x), f32x4.splat(0.23164188), one));
  let series = madd(t, f32x4.splat(1.061405429), f32x4.splat(-1.453152027));
  series = madd(series, t, f32x4.splat(1.421413741));
  series = madd(series, t, f32x4.splat(-0.284496736));
  series = madd(series, t, f32x4.splat(0.254829592));
  const tail = f32x4.mul(f32x4.mul(f32x4.mul(series, t), gauss), half);
  // 1 - tail for x >= 0, tail below: 1/2 + sign(x) (1/2 - tail).
  const distance = f32x4.sub(half, tail);
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const distribution = f32x4.add(half, v128.xor(distance, sign));
  // The tail itself where it is small, not 1/2 - (1/2 - tail).
  const exact = v128.bitselect(tail, distribution, i32x4.shr_s(sign, 31));
  slope = madd(f32x4.mul(x, gauss), f32x4.splat(0.3989422804), exact);
  return f32x4.mul(x, exact);
}

/** x → y and its derivative, `count` entries each. */
export function gelu(x: usize, count: i32, y: usize, derivative: usize): void {
  const whole = <usize>(count & ~3) << 2;
  const rest = count & 3;
  for (let i: usize = 0; i < whole; i += 16) {
    v128.store(y + i, both(v128.load(x + i)));
    v128.store(derivative + i, slope);
  }
  if (rest > 0) {
    storeSome(y + whole, both(loadSome(x + whole, rest)), rest);
    storeSome(derivative + whole, slope, rest);
  }
}
