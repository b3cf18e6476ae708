const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0);

/** NumPy's names of little-endian types. */
const DESCRIPTIONS = { Float32Array: '<f4', Int32Array: '<i4' } as const;

/** An array as a NumPy `.npy` file (format 1.0), row-major. */
export function encodeNpy(values: Float32Array | Int32Array, shape: readonly number[]): Uint8Array {
  const description = DESCRIPTIONS[values instanceof Float32Array ? 'Float32Array' : 'Int32Array'];
  const dictionary = `{'descr': '${description}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  // The header ends in a newline, and data begins at a multiple of 64 bytes.
  const length = Math.ceil((MAGIC.length + 2 + dictionary.length + 1) / 64) * 64;
  const bytes = new Uint8Array(length + values.byteLength).fill(0x20, 0, length);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint16(MAGIC.length, length - MAGIC.length - 2, true);
  bytes.set(new TextEncoder().encode(dictionary), MAGIC.length + 2);
  bytes[length - 1] = 0x0a;
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), length);
  return bytes;
}
