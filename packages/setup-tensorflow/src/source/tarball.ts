import { mkdir } from 'node:fs/promises';
import { extract } from 'tar';
import { sha256File } from '../checksum.js';
import { openFolder } from './folder.js';
import { HEADER_FOLDERS, type LibrarySource } from './source.js';

const LIBRARY = /^lib\/libtensorflow[^/]*$/;

/**
 * The official tarball of the C library, `libtensorflow-….tar.gz`.
 * @param work an empty folder on the disk of the installation
 * @throws naming the file, when it is damaged or holds no TensorFlow
 */
export async function openTarball(path: string, work: string): Promise<LibrarySource> {
  await mkdir(work, { recursive: true });
  await extract({ file: path, cwd: work, strict: true, filter: isWanted }).catch((error: Error) => {
    throw new Error(`${path}: not a whole .tar.gz (${error.message}); get it again`, { cause: error });
  });
  const unpacked = await openFolder(work).catch((error: Error) => {
    throw new Error(error.message.replaceAll(work, path), { cause: error });
  });
  return { ...unpacked, kind: 'tarball', location: path, fingerprint: await sha256File(path) };
}

function isWanted(path: string): boolean {
  const name = path.replace(/^\.\//, '');
  return LIBRARY.test(name) || HEADER_FOLDERS.some((folder) => name.startsWith(`include/${folder}`));
}
