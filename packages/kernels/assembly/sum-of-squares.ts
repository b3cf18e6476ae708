import { highDoubles, lowDoubles, sumDoubles } from './simd';

/** The sum of the squares of `count` entries, in float64 throughout. */
export function sumOfSquares(x: usize, count: i32): f64 {
  const whole = <usize>(count & ~3) << 2;
  const rest = count & 3;
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i: usize = 0; i < whole; i += 16) {
    const v = v128.load(x + i);
    const a = lowDoubles(v);
    const b = highDoubles(v);
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  let sum = sumDoubles(f64x2.add(low, high));
  for (let i = 0; i < rest; i++) {
    const value = <f64>load<f32>(x + whole + (<usize>i << 2));
    sum += value * value;
  }
  return sum;
}
