/** An array of unsigned bytes, row-major, as the IDX format holds it. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;

/**
 * Reads an IDX file (the format of MNIST: two zero bytes, a type, the number of dimensions, big-endian uint32
 * sizes, data). `data` is a view.
 * @param source names the file in messages
 * @param rank the number of dimensions to expect
 * @throws when the magic number is another, or when there are fewer or more bytes than the header promises.
 */
export function parseIdx(bytes: Uint8Array, source: string, rank: number): IdxArray {
  const header = 4 + 4 * rank;
  checkMagic(bytes, source, rank);
  if (bytes.length < header)
    throw new Error(
      `${source}: truncated IDX header, ${bytes.length} bytes of ${header}; fetch the file again`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, dimension) => view.getUint32(4 + 4 * dimension));
  const expected = shape.reduce((product, size) => product * size, 1);
  const found = bytes.length - header;
  if (found !== expected)
    throw new Error(
      `${source}: the IDX header promises ${shape.join('x')} = ${expected} bytes of data, the file has ${found}` +
        `${found < expected ? ' (truncated)' : ''}; fetch the file again`,
    );
  return { shape, data: bytes.subarray(header) };
}

function checkMagic(bytes: Uint8Array, source: string, rank: number): void {
  if (bytes.length < 4)
    throw new Error(`${source}: truncated IDX header, ${bytes.length} bytes; fetch the file again`);
  const expected = [0, 0, UNSIGNED_BYTE, rank];
  if (expected.every((byte, place) => bytes[place] === byte)) return;
  throw new Error(
    `${source}: not an IDX file of unsigned bytes in ${rank} dimension${rank === 1 ? '' : 's'}: it starts with ` +
      `${hex(bytes.subarray(0, 4))}, expected ${hex(expected)}`,
  );
}

function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
