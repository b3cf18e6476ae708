import { gemm, gemmScratchBytes } from './gemm';
import { exponential, highDoubles, loadSome, lowDoubles, storeSome, sumDoubles, sumLanes } from './simd';

/** Softmax of one row of `n` scores, in place. */
function softmaxRow(row: usize, n: i32): void {
  const whole = (<usize>(n & ~3)) << 2;
  const rest = n & 3;
  let largest: f32 = load<f32>(row);
  let most = f32x4.splat(largest);
  for (let i: usize = 0; i < whole; i += 16) most = f32x4.pmax(most, v128.load(row + i));
  largest = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
  for (let i = 0; i < rest; i++) largest = max(largest, load<f32>(row + whole + ((<usize>i) << 2)));
  const shift = f32x4.splat(largest);
  let sums = f32x4.splat(0);
  for (let i: usize = 0; i < whole; i += 16) {
    const e = exponential(f32x4.sub(v128.load(row + i), shift));
    v128.store(row + i, e);
    sums = f32x4.add(sums, e);
  }
  let sum = sumLanes(sums);
  if (rest > 0) {
    storeSome(row + whole, exponential(f32x4.sub(loadSome(row + whole, rest), shift)), rest);
    for (let i = 0; i < rest; i++) sum += load<f32>(row + whole + ((<usize>i) << 2));
  }
  const scale = f32x4.splat(<f32>1 / sum);
  for (let i: usize = 0; i < whole; i += 16) v128.store(row + i, f32x4.mul(v128.load(row + i), scale));
  if (rest > 0) storeSome(row + whole, f32x4.mul(loadSome(row + whole, rest), scale), rest);
}

/** dS = P * (dP - sum(dP * P)) * scale for one row, over dP. */
function softmaxGradRow(p: usize, dp: usize, n: i32, scale: f32): void {
  const whole = (<usize>(n & ~3)) << 2;
  const rest = n & 3;
  // In float64: what is lost here is all that the gradient of the keys' bias consists of, which should be zero.
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i: usize = 0; i < whole; i += 16) {
    const a = v128.load(p + i);
    const b = v128.load(dp + i);
    low = f64x2.add(low, f64x2.mul(lowDoubles(a), lowDoubles(b)));
    high = f64x2.add(high, f64x2.mul(highDoubles(a), highDoubles(b)));
  }
  if (rest > 0) {
    const a = loadSome(p + whole, rest);
    const b = loadSome(dp + whole, rest);
    low = f64x2.add(low, f64x2.mul(lowDoubles(a), lowDoubles(b)));
    high = f64x2.add(high, f64x2.mul(highDoubles(a), highDoubles(b)));
  }
  const projection = f32x4.splat(<f32>sumDoubles(f64x2.add(low, high)));
  const factor = f32x4.splat(scale);
  for (let i: usize = 0; i < whole; i += 16)
    v128.store(
      dp + i,
      f32x4.mul(f32x4.mul(f32x4.sub(v128.load(dp + i), projection), factor), v128.load(p + i)),
    );
  if (rest > 0) {
    const d = f32x4.mul(f32x4.sub(loadSome(dp + whole, rest), projection), factor);
    storeSome(dp + whole, f32x4.mul(d, loadSome(p + whole, rest)), rest);
  }
}

/** Bytes of scratch space for one head, forward or backward. */
export function attentionScratchBytes(tokens: i32, dim: i32): usize {
  const products = max(gemmScratchBytes(tokens, tokens, dim), gemmScratchBytes(tokens, dim, tokens));
  return products + ((<usize>(tokens * tokens)) << 2);
}

/**
 * qkv [batch, token, 3 * heads * dim] → out [batch, token, heads * dim], probabilities [batch, head, token,
 * token]. Heads are read and written where they lie, by row strides.
 */
export function attentionForward(
  qkv: usize,
  out: usize,
  probabilities: usize,
  batch: i32,
  tokens: i32,
  heads: i32,
  dim: i32,
  scratch: usize,
): void {
  const width = heads * dim;
  const part = (<usize>width) << 2;
  const scale = <f32>(1.0 / sqrt(<f64>dim));
  for (let b = 0; b < batch; b++)
    for (let head = 0; head < heads; head++) {
      const offset = (<usize>(head * dim)) << 2;
      const q = qkv + <usize>(b * tokens) * 3 * part + offset;
      const p = probabilities + ((<usize>((b * heads + head) * tokens) * <usize>tokens) << 2);
      gemm(false, true, tokens, tokens, dim, scale, q, 3 * width, q + part, 3 * width, p, tokens, 0, scratch);
      for (let row = 0; row < tokens; row++) softmaxRow(p + ((<usize>(row * tokens)) << 2), tokens);
      const o = out + <usize>(b * tokens) * part + offset;
      gemm(false, false, tokens, dim, tokens, 1, p, tokens, q + 2 * part, 3 * width, o, width, 0, scratch);
    }
}

/** dy [batch, token, heads * dim] → dqkv, laid out as qkv. */
export function attentionBackward(
  dy: usize,
  qkv: usize,
  probabilities: usize,
  dqkv: usize,
  batch: i32,
  tokens: i32,
  heads: i32,
  dim: i32,
  scratch: usize,
): void {
  const width = heads * dim;
  const wide = 3 * width;
  const part = (<usize>width) << 2;
  const scale = <f32>(1.0 / sqrt(<f64>dim));
  const ds = scratch;
  const work = scratch + ((<usize>(tokens * tokens)) << 2);
  for (let b = 0; b < batch; b++)
    for (let head = 0; head < heads; head++) {
      const offset = (<usize>(head * dim)) << 2;
      const start = <usize>(b * tokens) * 3 * part + offset;
      const q = qkv + start;
      const dq = dqkv + start;
      const dout = dy + <usize>(b * tokens) * part + offset;
      const p = probabilities + ((<usize>((b * heads + head) * tokens) * <usize>tokens) << 2);
      gemm(true, false, tokens, dim, tokens, 1, p, tokens, dout, width, dq + 2 * part, wide, 0, work);
      gemm(false, true, tokens, tokens, dim, 1, dout, width, q + 2 * part, wide, ds, tokens, 0, work);
      for (let row = 0; row < tokens; row++) {
        const at = (<usize>(row * tokens)) << 2;
        softmaxGradRow(p + at, ds + at, tokens, scale);
      }
      gemm(false, false, tokens, dim, tokens, 1, ds, tokens, q + part, wide, dq, wide, 0, work);
      gemm(true, false, tokens, dim, tokens, 1, ds, tokens, q, wide, dq + part, wide, 0, work);
    }
}
