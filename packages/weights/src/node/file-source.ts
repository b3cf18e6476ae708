import { type FileHandle, open } from 'node:fs/promises';
import { assertRange, type ByteSource } from '../byte-source.js';
import { WeightsError } from '../weights-error.js';

/** One read call takes less than 2^31 bytes. */
const MAX_READ_BYTES = 2 ** 30;

/** A file that is read by position. Close it when done. */
export interface FileSource extends ByteSource {
  readonly close: () => Promise<void>;
}

/**
 * Open a file of any size; nothing is read yet.
 * @throws WeightsError when it is no file, the file system's error when it can't be opened.
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const handle = await open(path, 'r');
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new WeightsError('it is not a file', { file: path });
    const { size } = stat;
    return {
      name: path,
      size,
      read: (begin, end) => {
        assertRange(begin, end, size, path);
        return readRange(handle, begin, end, path);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readRange(
  handle: FileHandle,
  begin: number,
  end: number,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  let at = 0;
  while (at < bytes.byteLength) {
    const length = Math.min(bytes.byteLength - at, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(bytes, at, length, begin + at);
    if (bytesRead === 0)
      throw new WeightsError(`the file ended before byte ${end}`, { file, value: begin + at });
    at += bytesRead;
  }
  return bytes;
}
