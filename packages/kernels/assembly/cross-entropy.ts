import { exponential, highDoubles, loadSome, lowDoubles, storeSome, sumDoubles } from './simd';

/** The host's: one call a sample, and AssemblyScript's own would bring tables that need a place in memory. */
@external('env', 'log')
declare function naturalLogarithm(x: f64): f64;

/**
 * Softmax cross-entropy with soft targets: logits and targets [batch, classes] → the mean loss, a scalar, and
 * dlogits [batch, classes] = (softmax * mass - target) / batch. Sums in float64.
 */
export function crossEntropy(
  logits: usize,
  targets: usize,
  batch: i32,
  classes: i32,
  loss: usize,
  dlogits: usize,
): void {
  const whole = <usize>(classes & ~3) << 2;
  const rest = classes & 3;
  const stride = <usize>classes << 2;
  let lossSum: f64 = 0;
  for (let row = 0; row < batch; row++) {
    let largest = load<f32>(logits);
    for (let i: usize = 4; i < stride; i += 4) largest = max(largest, load<f32>(logits + i));
    const shift = f32x4.splat(largest);
    let total: f64 = 0;
    let mass: f64 = 0;
    let projection: f64 = 0;
    for (let i: usize = 0; i < whole; i += 16) {
      const target = v128.load(targets + i);
      const shifted = f32x4.sub(v128.load(logits + i), shift);
      const e = exponential(shifted);
      v128.store(dlogits + i, e);
      const lowTarget = lowDoubles(target);
      const highTarget = highDoubles(target);
      total += sumDoubles(f64x2.add(lowDoubles(e), highDoubles(e)));
      mass += sumDoubles(f64x2.add(lowTarget, highTarget));
      const low = f64x2.mul(lowTarget, lowDoubles(shifted));
      const high = f64x2.mul(highTarget, highDoubles(shifted));
      projection += sumDoubles(f64x2.add(low, high));
    }
    if (rest > 0) {
      storeSome(dlogits + whole, exponential(f32x4.sub(loadSome(logits + whole, rest), shift)), rest);
      for (let i = whole; i < stride; i += 4) {
        const target = <f64>load<f32>(targets + i);
        total += load<f32>(dlogits + i);
        mass += target;
        projection += target * <f64>(load<f32>(logits + i) - largest);
      }
    }
    lossSum += mass * naturalLogarithm(total) - projection;
    const scale = f32x4.splat(<f32>(mass / total / <f64>batch));
    const share = f32x4.splat(<f32>(1.0 / <f64>batch));
    for (let i: usize = 0; i < whole; i += 16) {
      const wanted = f32x4.mul(v128.load(targets + i), share);
      v128.store(dlogits + i, f32x4.sub(f32x4.mul(v128.load(dlogits + i), scale), wanted));
    }
    if (rest > 0) {
      const wanted = f32x4.mul(loadSome(targets + whole, rest), share);
      const gradient = f32x4.sub(f32x4.mul(loadSome(dlogits + whole, rest), scale), wanted);
      storeSome(dlogits + whole, gradient, rest);
    }
    logits += stride;
    targets += stride;
    dlogits += stride;
  }
  store<f32>(loss, <f32>(lossSum / <f64>batch));
}
