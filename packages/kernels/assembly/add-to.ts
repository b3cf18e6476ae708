import { loadSome, storeSome } from './simd';

/** sum += more, `count` entries. */
export function addTo(sum: usize, more: usize, count: i32): void {
  const whole = <usize>(count & ~3) << 2;
  const rest = count & 3;
  for (let i: usize = 0; i < whole; i += 16)
    v128.store(sum + i, f32x4.add(v128.load(sum + i), v128.load(more + i)));
  if (rest > 0) storeSome(sum + whole, f32x4.add(loadSome(sum + whole, rest), loadSome(more + whole, rest)), rest);
}
