import { inverseNormal } from './inverse-normal.js';
import type { Key } from './key.js';
import { threefry2x32 } from './threefry.js';

/** `count` uniform uint32 words: the encryption of the counters 0, 1, 2, … under `key`. */
export function bits(key: Key, count: number): Uint32Array {
  const out = new Uint32Array(count);
  for (let i = 0; i < count; i += 2) {
    const [x0, x1] = threefry2x32(key.k0, key.k1, 0, i >>> 1);
    out[i] = x0;
    if (i + 1 < count) out[i + 1] = x1;
  }
  return out;
}

/** `count` float32 numbers, uniform in [minimum, maximum), from 24 random bits each. */
export function uniform(key: Key, count: number, minimum = 0, maximum = 1): Float32Array {
  const words = bits(key, count);
  return Float32Array.from(words, (word) => minimum + (maximum - minimum) * ((word >>> 8) / 2 ** 24));
}

/**
 * `count` float32 numbers from a normal distribution, by inversion: one 32-bit word a number.
 * Computed from IEEE additions, products, quotients and roots alone, so that no engine's `Math.log` or
 * `Math.cos` shows through.
 */
export function normal(key: Key, count: number, mean = 0, std = 1): Float32Array {
  const words = bits(key, count);
  return Float32Array.from(words, (word) => mean + std * inverseNormal((word + 0.5) / 2 ** 32));
}

/** A whole number, uniform in [0, bound). `bound` is at most 2^32. */
export function integer(key: Key, bound: number): number {
  return Math.floor((bits(key, 1)[0]! / 2 ** 32) * bound);
}

/** A uniformly random ordering of 0 … count - 1 (Fisher-Yates). */
export function permutation(key: Key, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const words = bits(key, count);
  for (let i = count - 1; i > 0; i--) {
    // 53 bits of product keep the bias below 2^-32 for each draw.
    const j = Math.floor((words[i]! / 2 ** 32) * (i + 1));
    const swap = order[i]!;
    order[i] = order[j]!;
    order[j] = swap;
  }
  return order;
}
