import { highDoubles, loadSome, lowDoubles, storeSome, sumDoubles } from './simd';

/** Each row of `values` pixels less its mean, over its deviation (unbiased variance + eps); statistics in float64. */
export function normPix(patches: usize, rows: i32, values: i32, eps: f64, out: usize): void {
  const whole = <usize>(values & ~3) << 2;
  const rest = values & 3;
  const stride = <usize>values << 2;
  for (let row = 0; row < rows; row++) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const v = v128.load(patches + i);
      low = f64x2.add(low, lowDoubles(v));
      high = f64x2.add(high, highDoubles(v));
    }
    let sum = sumDoubles(f64x2.add(low, high));
    for (let i = whole; i < stride; i += 4) sum += load<f32>(patches + i);
    const mean = sum / <f64>values;
    const centre = f64x2.splat(mean);
    low = f64x2.splat(0);
    high = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const v = v128.load(patches + i);
      const a = f64x2.sub(lowDoubles(v), centre);
      const b = f64x2.sub(highDoubles(v), centre);
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    let squares = sumDoubles(f64x2.add(low, high));
    for (let i = whole; i < stride; i += 4) {
      const centred = <f64>load<f32>(patches + i) - mean;
      squares += centred * centred;
    }
    const m = f32x4.splat(<f32>mean);
    const r = f32x4.splat(<f32>(1.0 / sqrt(squares / <f64>(values - 1) + eps)));
    for (let i: usize = 0; i < whole; i += 16)
      v128.store(out + i, f32x4.mul(f32x4.sub(v128.load(patches + i), m), r));
    if (rest > 0)
      storeSome(out + whole, f32x4.mul(f32x4.sub(loadSome(patches + whole, rest), m), r), rest);
    patches += stride;
    out += stride;
  }
}
