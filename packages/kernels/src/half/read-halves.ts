/** The numbers in the entries of halves, for tests: see half.ts. */
export function readHalves(entries: ArrayLike<number>): Float32Array {
  const bits = new Uint16Array(Int32Array.from(entries).buffer);
  return Float32Array.from(bits, halfToNumber);
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
