import { bits, fold, type Key } from '@maehem/random';

/** Values that sizes and offsets break at. */
const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const MOST_EDITS = 4;
/** Longest run of bytes that is copied, moved or removed. */
const LONGEST_RUN = 64;

/**
 * A damaged copy of a file, for readers that must survive anything: one to four edits (a flipped bit, a byte or a word of
 * an awkward value, a run of bytes removed, repeated or copied elsewhere, the end cut off), all from the key.
 */
export function mutate(key: Key, bytes: Uint8Array): Uint8Array {
  let out = new Uint8Array(bytes);
  const edits = 1 + (bits(key, 1)[0]! % MOST_EDITS);
  for (let edit = 0; edit < edits; edit++) out = mutateOnce(bits(fold(key, edit), 4), out);
  return out;
}

function mutateOnce(draws: Uint32Array, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const [kind, where, what, length] = draws as unknown as [number, number, number, number];
  if (bytes.byteLength === 0) return Uint8Array.of(what & 0xff);
  const at = where % bytes.byteLength;
  const value = INTERESTING[what % INTERESTING.length]!;
  const run = Math.min(1 + (length % LONGEST_RUN), bytes.byteLength - at);
  switch (kind % 8) {
    case 0:
      bytes[at]! ^= 1 << (what % 8);
      return bytes;
    case 1:
      bytes[at] = what & 0xff;
      return bytes;
    case 2:
      bytes[at] = value & 0xff;
      return bytes;
    case 3:
      for (let i = 0; i < Math.min(4, bytes.byteLength - at); i++) bytes[at + i] = (value >>> (8 * i)) & 0xff;
      return bytes;
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(at + run));
    case 5:
      return joined(bytes.subarray(0, at + run), bytes.subarray(at));
    case 6:
      bytes.copyWithin(what % bytes.byteLength, at, at + run);
      return bytes;
    default:
      // Cutting off most of a file tests little: cut near the end mostly.
      return bytes.slice(0, bytes.byteLength - (what % (length % 4 === 0 ? bytes.byteLength : run + 1)));
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.byteLength + b.byteLength);
  out.set(a);
  out.set(b, a.byteLength);
  return out;
}
