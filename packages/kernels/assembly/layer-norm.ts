import { highDoubles, loadSome, lowDoubles, madd, storeSome, sumDoubles } from './simd';

/** Rows whose share of dweight and dbias is summed in float32 before it goes to float64. */
const RUN: i32 = 16;

/** x [rows, features] → y, mean [rows], rstd [rows]; statistics in float64. */
export function layerNormForward(
  x: usize,
  weight: usize,
  bias: usize,
  eps: f64,
  rows: i32,
  features: i32,
  y: usize,
  means: usize,
  rstds: usize,
): void {
  const whole = <usize>(features & ~3) << 2;
  const rest = features & 3;
  const width = <f64>features;
  for (let row = 0; row < rows; row++) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const v = v128.load(x + i);
      low = f64x2.add(low, lowDoubles(v));
      high = f64x2.add(high, highDoubles(v));
    }
    let sum = sumDoubles(f64x2.add(low, high));
    for (let i = 0; i < rest; i++) sum += load<f32>(x + whole + (<usize>i << 2));
    const mean = sum / width;
    const centre = f64x2.splat(mean);
    low = f64x2.splat(0);
    high = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const v = v128.load(x + i);
      const a = f64x2.sub(lowDoubles(v), centre);
      const b = f64x2.sub(highDoubles(v), centre);
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    let squares = sumDoubles(f64x2.add(low, high));
    for (let i = 0; i < rest; i++) {
      const centred = <f64>load<f32>(x + whole + (<usize>i << 2)) - mean;
      squares += centred * centred;
    }
    const rstd = 1.0 / sqrt(squares / width + eps);
    const m = f32x4.splat(<f32>mean);
    const r = f32x4.splat(<f32>rstd);
    for (let i: usize = 0; i < whole; i += 16) {
      const normalised = f32x4.mul(f32x4.sub(v128.load(x + i), m), r);
      v128.store(y + i, madd(normalised, v128.load(weight + i), v128.load(bias + i)));
    }
    if (rest > 0) {
      const normalised = f32x4.mul(f32x4.sub(loadSome(x + whole, rest), m), r);
      storeSome(y + whole, madd(normalised, loadSome(weight + whole, rest), loadSome(bias + whole, rest)), rest);
    }
    store<f32>(means, <f32>mean);
    store<f32>(rstds, <f32>rstd);
    const stride = <usize>features << 2;
    x += stride;
    y += stride;
    means += 4;
    rstds += 4;
  }
}

/** Bytes of scratch space: two rows in float32, two in float64, of whole vectors. */
export function layerNormScratchBytes(features: i32): usize {
  return <usize>((features + 3) & ~3) * 24;
}

/** Add `count` float32 sums at `from` to the float64 ones at `to`, and set them to zero. */
function flush(from: usize, to: usize, count: i32): void {
  for (let i = 0; i < count; i += 4) {
    const v = v128.load(from);
    v128.store(to, f64x2.add(v128.load(to), lowDoubles(v)));
    v128.store(to, f64x2.add(v128.load(to, 16), highDoubles(v)), 16);
    v128.store(from, f32x4.splat(0));
    from += 16;
    to += 32;
  }
}

/** → dx like x, dweight [features], dbias [features]; a row's sums in float64. */
export function layerNormBackward(
  dy: usize,
  x: usize,
  weight: usize,
  means: usize,
  rstds: usize,
  rows: i32,
  features: i32,
  dx: usize,
  dweight: usize,
  dbias: usize,
  scratch: usize,
): void {
  const whole = <usize>(features & ~3) << 2;
  const rest = features & 3;
  const padded = (features + 3) & ~3;
  const stride = <usize>features << 2;
  // dweight then dbias, in float32 and then in float64.
  const weightRun = scratch;
  const biasRun = scratch + (<usize>padded << 2);
  const sums = scratch + (<usize>padded << 3);
  memory.fill(scratch, 0, layerNormScratchBytes(features));
  for (let row = 0; row < rows; row++) {
    const m = f32x4.splat(load<f32>(means));
    const r = f32x4.splat(load<f32>(rstds));
    let sum = f64x2.splat(0);
    let projection = f64x2.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const g = v128.load(dy + i);
      const normalised = f32x4.mul(f32x4.sub(v128.load(x + i), m), r);
      const scaled = f32x4.mul(g, v128.load(weight + i));
      const projected = f32x4.mul(scaled, normalised);
      sum = f64x2.add(sum, f64x2.add(lowDoubles(scaled), highDoubles(scaled)));
      projection = f64x2.add(projection, f64x2.add(lowDoubles(projected), highDoubles(projected)));
      v128.store(weightRun + i, madd(g, normalised, v128.load(weightRun + i)));
      v128.store(biasRun + i, f32x4.add(v128.load(biasRun + i), g));
    }
    if (rest > 0) {
      const g = loadSome(dy + whole, rest);
      const normalised = f32x4.mul(f32x4.sub(loadSome(x + whole, rest), m), r);
      const scaled = f32x4.mul(g, loadSome(weight + whole, rest));
      const projected = f32x4.mul(scaled, normalised);
      sum = f64x2.add(sum, f64x2.add(lowDoubles(scaled), highDoubles(scaled)));
      projection = f64x2.add(projection, f64x2.add(lowDoubles(projected), highDoubles(projected)));
      v128.store(weightRun + whole, madd(g, normalised, v128.load(weightRun + whole)));
      v128.store(biasRun + whole, f32x4.add(v128.load(biasRun + whole), g));
    }
    const meanGrad = f32x4.splat(<f32>(sumDoubles(sum) / <f64>features));
    const meanProjection = f32x4.splat(<f32>(sumDoubles(projection) / <f64>features));
    for (let i: usize = 0; i < whole; i += 16) {
      const normalised = f32x4.mul(f32x4.sub(v128.load(x + i), m), r);
      const centred = f32x4.sub(f32x4.mul(v128.load(dy + i), v128.load(weight + i)), meanGrad);
      v128.store(dx + i, f32x4.mul(f32x4.sub(centred, f32x4.mul(normalised, meanProjection)), r));
    }
    if (rest > 0) {
      const normalised = f32x4.mul(f32x4.sub(loadSome(x + whole, rest), m), r);
      const centred = f32x4.sub(
        f32x4.mul(loadSome(dy + whole, rest), loadSome(weight + whole, rest)),
        meanGrad,
      );
      storeSome(dx + whole, f32x4.mul(f32x4.sub(centred, f32x4.mul(normalised, meanProjection)), r), rest);
    }
    if ((row + 1) % RUN == 0 || row == rows - 1) flush(weightRun, sums, 2 * padded);
    dy += stride;
    x += stride;
    dx += stride;
    means += 4;
    rstds += 4;
  }
  for (let i = 0; i < features; i++) {
    store<f32>(dweight + (<usize>i << 2), <f32>load<f64>(sums + (<usize>i << 3)));
    store<f32>(dbias + (<usize>i << 2), <f32>load<f64>(sums + (<usize>(padded + i) << 3)));
  }
}
