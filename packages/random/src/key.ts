import { threefry2x32 } from './threefry.js';

/** A random key: 64 bits. Immutable; drawing from a key twice gives the same numbers twice. */
export interface Key {
  readonly k0: number;
  readonly k1: number;
}

/**
 * The root key of an experiment.
 * @param value a whole number in [0, 2^53).
 * @throws when `value` is not such a number.
 */
export function seed(value: number): Key {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`seed must be a whole number from 0 to 2^53 - 1, got ${value}`);
  return { k0: Math.floor(value / 2 ** 32) >>> 0, k1: value >>> 0 };
}

/**
 * A child key for a named or numbered purpose: `fold(key, 'decoder')`, `fold(key, epoch)`.
 * Children of different names are independent, so that a new layer reshuffles nothing.
 */
export function fold(key: Key, data: string | number): Key {
  const [c0, c1] = typeof data === 'string' ? hashName(data) : numberWords(data);
  const [k0, k1] = threefry2x32(key.k0, key.k1, c0, c1);
  return { k0, k1 };
}

/** `count` independent child keys. */
export function split(key: Key, count: number): Key[] {
  return Array.from({ length: count }, (_, index) => fold(key, index));
}

/** Numbers use counters with a clear top bit, names those with the top bit set: they never collide. */
function numberWords(value: number): [number, number] {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`fold takes a name or a whole number from 0 to 2^53 - 1, got ${value}`);
  return [Math.floor(value / 2 ** 32) >>> 0, value >>> 0];
}

/** Two 32-bit FNV-1a hashes of the UTF-16 code units, forwards and with another basis. */
function hashName(name: string): [number, number] {
  let h0 = 0x811c9dc5;
  let h1 = 0x01234567;
  for (let i = 0; i < name.length; i++) {
    h0 = Math.imul(h0 ^ name.charCodeAt(i), 0x01000193);
    h1 = Math.imul(h1 ^ name.charCodeAt(name.length - 1 - i), 0x01000193);
  }
  return [(h0 | 0x80000000) >>> 0, h1 >>> 0];
}
