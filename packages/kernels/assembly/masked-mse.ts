import { highDoubles, loadSome, lowDoubles, storeSome, sumDoubles } from './simd';

/**
 * prediction and target [tokens, values], mask [tokens] → the loss, a scalar: the mean over values, then over
 * tokens weighted by the mask; and its gradient like prediction. Sums in float64.
 */
export function maskedMse(
  prediction: usize,
  target: usize,
  mask: usize,
  tokens: i32,
  values: i32,
  loss: usize,
  gradient: usize,
): void {
  const whole = <usize>(values & ~3) << 2;
  const rest = values & 3;
  const stride = <usize>values << 2;
  let total: f64 = 0;
  for (let token = 0; token < tokens; token++) total += load<f32>(mask + (<usize>token << 2));
  let lossSum: f64 = 0;
  for (let token = 0; token < tokens; token++) {
    const weight = <f64>load<f32>(mask + (<usize>token << 2)) / (total * <f64>values);
    const factor = f32x4.splat(<f32>(2.0 * weight));
    let squares = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const error = f32x4.sub(v128.load(prediction + i), v128.load(target + i));
      const low = lowDoubles(error);
      const high = highDoubles(error);
      squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
      v128.store(gradient + i, f32x4.mul(error, factor));
    }
    if (rest > 0) {
      const error = f32x4.sub(loadSome(prediction + whole, rest), loadSome(target + whole, rest));
      const low = lowDoubles(error);
      const high = highDoubles(error);
      squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
      storeSome(gradient + whole, f32x4.mul(error, factor), rest);
    }
    lossSum += weight * sumDoubles(squares);
    prediction += stride;
    target += stride;
    gradient += stride;
  }
  store<f32>(loss, <f32>lossSum);
}
