import { type Key, normal } from '@maehem/random';

/** A prime: no row of a matrix begins where another one does, unless it is as far away. */
const PERIOD = 262_139;

/** Normal numbers. Those of ViT-L alone would take a minute to draw: many of them repeat. */
export function noise(key: Key, count: number, mean = 0, deviation = 1): Float32Array {
  return repeated(count, (drawn) => normal(key, drawn, mean, deviation));
}

/** As many numbers as are wanted, of which no more than a period are drawn. */
export function repeated(count: number, draw: (count: number) => Float32Array): Float32Array {
  if (count <= PERIOD) return draw(count);
  const drawn = draw(PERIOD);
  const all = new Float32Array(count);
  for (let start = 0; start < count; start += PERIOD)
    all.set(drawn.subarray(0, Math.min(PERIOD, count - start)), start);
  return all;
}
