const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

/** IEEE half precision bits → float32; exact. */
export function fromFloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, decodeFloat16);
}

/** float32 → IEEE half precision bits, rounded to nearest, ties to even; overflow gives infinity. */
export function toFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, encodeFloat16);
}

/** bfloat16 bits → float32; exact. */
export function fromBfloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const words = Uint32Array.from(bits, (half) => half << 16);
  return new Float32Array(words.buffer);
}

/** float32 → bfloat16 bits, rounded to nearest, ties to even; overflow gives infinity. */
export function toBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, encodeBfloat16);
}

function decodeFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function encodeFloat16(value: number): number {
  single[0] = value;
  const sign = (word[0]! >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return sign | 0x7e00;
  // Below 2^-14 halves are spaced evenly, 2^-24 apart.
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude * 2 ** 24);
  if (magnitude >= 65520) return sign | 0x7c00;
  const bits = word[0]! & 0x7fffffff;
  // Rebias the exponent from 127 to 15 and drop 13 fraction bits; a carry runs into the exponent as it should.
  return sign | roundToEven((bits - (112 << 23)) / 2 ** 13);
}

function encodeBfloat16(value: number): number {
  single[0] = value;
  const bits = word[0]!;
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return roundToEven(bits / 2 ** 16);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
