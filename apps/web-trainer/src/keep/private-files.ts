/** A write that the browser refused; the message says what a person can do. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

/** Why nothing can be kept in this browser, or `undefined`. */
export function storageUnavailable(): string | undefined {
  if (!globalThis.isSecureContext)
    return 'this page came over plain http from another machine; browsers keep files only for https and localhost';
  if (typeof navigator.storage?.getDirectory !== 'function')
    return 'this browser has no private file system; runs live until the page closes: export what you want to keep';
  return undefined;
}

/** A folder of this site's private file system (OPFS), made when it is not there. */
export async function openFolder(...path: readonly string[]): Promise<FileSystemDirectoryHandle> {
  const reason = storageUnavailable();
  if (reason !== undefined) throw new StorageError(reason);
  let folder = await navigator.storage.getDirectory();
  for (const name of path) folder = await folder.getDirectoryHandle(name, { create: true });
  return folder;
}

/** The names in a folder, sorted. */
export async function namesIn(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names.sort();
}

/**
 * Write a whole file: it has its old content or the new one, never a part.
 * @throws StorageError when the disk or the quota is full.
 */
export async function writeFile(
  folder: FileSystemDirectoryHandle,
  name: string,
  content: Uint8Array | string,
): Promise<void> {
  await written(name, async () => {
    const file = await folder.getFileHandle(name, { create: true });
    const stream = await file.createWritable();
    try {
      await stream.write(content as Uint8Array<ArrayBuffer> | string);
    } catch (error) {
      await stream.abort().catch(() => {});
      throw error;
    }
    await stream.close();
  });
}

/**
 * Do something that writes.
 * @param name of what is written, for people
 * @throws StorageError when the disk or the quota is full.
 */
export async function written<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw await explained(error, name);
  }
}

/** A file's bytes, or `undefined` where there is none. */
export async function readFile(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const file = await findFile(folder, name);
  return file === undefined ? undefined : new Uint8Array(await file.arrayBuffer());
}

/** A file to read parts of, or `undefined`. */
export async function findFile(folder: FileSystemDirectoryHandle, name: string): Promise<File | undefined> {
  try {
    return await (await folder.getFileHandle(name)).getFile();
  } catch (error) {
    if ((error as DOMException).name === 'NotFoundError') return undefined;
    throw error;
  }
}

/** A file as the JSON that it holds; `undefined` where it is missing or broken. */
export async function readJson(folder: FileSystemDirectoryHandle, name: string): Promise<unknown> {
  const bytes = await readFile(folder, name);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Remove a file or a folder with all that is in it. */
export async function remove(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  await folder.removeEntry(name, { recursive: true }).catch((error: DOMException) => {
    if (error.name !== 'NotFoundError') throw error;
  });
}

/** What a full disk says to a person. */
async function explained(error: unknown, name: string): Promise<Error> {
  if ((error as DOMException).name !== 'QuotaExceededError') return error as Error;
  const { usage = 0, quota = 0 } = await navigator.storage.estimate().catch(() => ({}) as StorageEstimate);
  return new StorageError(
    `no room for ${name}: this browser lets the site keep ${megabytes(quota)}, and ${megabytes(usage)} are used. ` +
      'Delete old runs or pictures under “Keep”, or export them first.',
  );
}

/** 1234567 → '1.2 MB'. */
export function megabytes(bytes: number): string {
  const mb = bytes / 1e6;
  return mb >= 1000 ? `${(mb / 1000).toFixed(1)} GB` : `${mb.toFixed(mb < 10 ? 1 : 0)} MB`;
}
