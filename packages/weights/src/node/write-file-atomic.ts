import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** One write call takes less than 2^31 bytes. */
const MAX_WRITE_BYTES = 2 ** 26;

/**
 * Write a file so that at any moment, power cut included, `path` is the whole old file or the whole new one:
 * a temporary file in the same folder, fsync, rename, fsync of the folder. On failure (a full disk, or `chunks`
 * throwing) the temporary file is removed and `path` is as before.
 * @param chunks the contents in order; each is written before the next is asked for.
 * @throws the file system's error, its message naming `path`.
 */
export async function writeFileAtomic(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      for await (const chunk of chunks) await writeAll(handle, chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === undefined) throw cause;
    const hint = code === 'ENOSPC' ? ': the disk is full; the previous file is intact' : '';
    throw Object.assign(new Error(`${path}: cannot write it (${code}${hint})`, { cause }), { code });
  }
  await syncFolder(folder);
}

/** Make a rename durable: it is on disk only when its folder is. Windows can't open folders, and journals renames itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  let at = 0;
  while (at < chunk.byteLength) {
    const length = Math.min(chunk.byteLength - at, MAX_WRITE_BYTES);
    at += (await handle.write(chunk, at, length)).bytesWritten;
  }
}
