import { WeightsError } from './weights-error.js';

/** Bytes that are read by position, so that a file of any size costs only what is looked at. */
export interface ByteSource {
  /** What to call it in errors: a path, a file's name. */
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  /**
   * A copy of the bytes from `begin` up to `end`.
   * @throws WeightsError when they are not all there.
   */
  readonly read: (begin: number, end: number) => Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes in memory. */
export function bytesSource(bytes: Uint8Array, name = 'weights'): ByteSource {
  const size = bytes.byteLength;
  return {
    name,
    size,
    read: async (begin, end) => {
      assertRange(begin, end, size, name);
      return new Uint8Array(bytes.subarray(begin, end));
    },
  };
}

/** A Blob, such as a file that was dropped on a page: only the slices that are asked for are loaded. */
export function blobSource(blob: Blob, name = 'weights'): ByteSource {
  const { size } = blob;
  return {
    name,
    size,
    read: async (begin, end) => {
      assertRange(begin, end, size, name);
      return new Uint8Array(await blob.slice(begin, end).arrayBuffer());
    },
  };
}

/** @throws WeightsError unless 0 <= begin <= end <= size: nothing is allocated for bytes that are not there. */
export function assertRange(begin: number, end: number, size: number, file: string): void {
  if (begin >= 0 && begin <= end && end <= size) return;
  throw new WeightsError(`it has ${size} bytes, too few for bytes ${begin} to ${end} (truncated?)`, { file });
}
