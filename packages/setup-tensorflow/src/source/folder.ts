import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File } from '../checksum.js';
import { linkOrCopy } from '../link-or-copy.js';
import { nvidiaLibraryFolders } from './nvidia-folders.js';
import { LIBRARY_NAMES, type LibrarySource } from './source.js';
import { variantFromBuildInfo } from './wheel.js';

/** Below the given folder: an unpacked tarball, a Python package, or the site-packages around it. */
const PLACES = [
  { libraries: 'lib', root: '.' },
  { libraries: '.', root: '.' },
  { libraries: 'tensorflow', root: 'tensorflow' },
] as const;

/**
 * A folder with TensorFlow's C library: the Python package `tensorflow`, its site-packages, or what the official
 * tarball holds (`lib/` and `include/`).
 * @throws saying what was looked for
 */
export async function openFolder(
  folder: string,
  kind: 'python' | 'folder' = 'folder',
): Promise<LibrarySource> {
  for (const { libraries, root } of PLACES) {
    const main = await firstThere(LIBRARY_NAMES.main.map((name) => join(folder, libraries, name)));
    if (main === undefined) continue;
    const framework = await mustBeThere(join(folder, libraries, LIBRARY_NAMES.framework), folder);
    const include = join(folder, root, 'include');
    await mustBeThere(join(include, 'tensorflow', 'c', 'c_api.h'), folder);
    const buildInfo = join(folder, root, 'python', 'platform', 'build_info.py');
    return {
      kind,
      location: folder,
      fingerprint: await sha256File(main),
      variant: variantFromBuildInfo(await readFile(buildInfo, 'utf8').catch(() => '')),
      cudaFolders: () => nvidiaLibraryFolders(join(folder, root, '..', 'nvidia')),
      provide: async (folders) => {
        for (const file of [main, framework]) await linkOrCopy(file, folders.libraries);
        return include;
      },
    };
  }
  const places = PLACES.map(({ libraries }) => join(folder, libraries));
  const names = LIBRARY_NAMES.main.join(' or ');
  throw new Error(`${folder} has no TensorFlow library: looked for ${names} in ${places.join(', ')}`);
}

async function firstThere(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (await stat(file).catch(() => undefined)) return file;
  return undefined;
}

async function mustBeThere(file: string, folder: string): Promise<string> {
  if ((await firstThere([file])) === undefined)
    throw new Error(`${folder} is incomplete: ${file} is missing`);
  return file;
}
