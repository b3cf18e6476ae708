import { loadSome, storeSome } from './simd';

/** The new moments, beside what {@link update} returns: wasm globals, not memory. */
let first: v128 = f32x4.splat(0);
let second: v128 = f32x4.splat(0);

/** The new parameters; the new moments in {@link first} and {@link second}. */
@inline function update(
  param: v128,
  m: v128,
  v: v128,
  grad: v128,
  gradScale: v128,
  beta1: v128,
  rest1: v128,
  beta2: v128,
  rest2: v128,
  stepSize: v128,
  inverseRoot: v128,
  eps: v128,
  decay: v128,
): v128 {
  const g = f32x4.mul(grad, gradScale);
  first = f32x4.add(f32x4.mul(beta1, m), f32x4.mul(rest1, g));
  second = f32x4.add(f32x4.mul(beta2, v), f32x4.mul(f32x4.mul(rest2, g), g));
  const denominator = f32x4.add(f32x4.mul(f32x4.sqrt(second), inverseRoot), eps);
  return f32x4.sub(f32x4.mul(param, decay), f32x4.div(f32x4.mul(stepSize, first), denominator));
}

/**
 * One AdamW step in place on `count` entries.
 * @param stepSize rate / (1 - beta1^t); `inverseRoot`: 1 / sqrt(1 - beta2^t); `decay`: 1 - rate * weight decay
 */
export function adamw(
  param: usize,
  m: usize,
  v: usize,
  grad: usize,
  count: i32,
  gradScale: f32,
  beta1: f64,
  beta2: f64,
  stepSize: f32,
  inverseRoot: f32,
  eps: f32,
  decay: f32,
): void {
  const scale = f32x4.splat(gradScale);
  const b1 = f32x4.splat(<f32>beta1);
  const r1 = f32x4.splat(<f32>(1.0 - beta1));
  const b2 = f32x4.splat(<f32>beta2);
  const r2 = f32x4.splat(<f32>(1.0 - beta2));
  const size = f32x4.splat(stepSize);
  const root = f32x4.splat(inverseRoot);
  const e = f32x4.splat(eps);
  const d = f32x4.splat(decay);
  const whole = <usize>(count & ~3) << 2;
  const rest = count & 3;
  for (let i: usize = 0; i < whole; i += 16) {
    const next = update(
      v128.load(param + i), v128.load(m + i), v128.load(v + i), v128.load(grad + i),
      scale, b1, r1, b2, r2, size, root, e, d,
    );
    v128.store(param + i, next);
    v128.store(m + i, first);
    v128.store(v + i, second);
  }
  if (rest > 0) {
    const next = update(
      loadSome(param + whole, rest), loadSome(m + whole, rest), loadSome(v + whole, rest),
      loadSome(grad + whole, rest), scale, b1, r1, b2, r2, size, root, e, d,
    );
    storeSome(param + whole, next, rest);
    storeSome(m + whole, first, rest);
    storeSome(v + whole, second, rest);
  }
}
