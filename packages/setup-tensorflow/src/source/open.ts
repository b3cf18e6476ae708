import { mkdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { TensorFlowVariant } from '../installation.js';
import { openFolder } from './folder.js';
import { downloadWheel, installedTensorFlow } from './pip.js';
import type { LibrarySource } from './source.js';
import { openTarball } from './tarball.js';
import { openWheel } from './wheel.js';

/** What a source needs of the machine and of the set-up. */
export interface SourceContext {
  readonly variant: TensorFlowVariant;
  readonly python: string | undefined;
  /** An empty folder on the disk of the installation. */
  readonly work: string;
}

/**
 * @param from `wheel` (downloaded by pip), `python` (the tensorflow that python3 imports), a `.whl`, a `.tar.gz` of the
 *   C library, or a folder
 * @throws when there is no such thing, or it is not TensorFlow
 */
export async function openSource(from: string, context: SourceContext): Promise<LibrarySource> {
  const { variant, python = 'python3', work } = context;
  if (from === 'wheel') {
    const folder = join(work, 'wheels');
    await mkdir(folder);
    const wheel = await downloadWheel(python, variant, folder);
    return { ...(await openWheel(wheel)), location: basename(wheel) };
  }
  if (from === 'python') return openFolder(await installedTensorFlow(python), 'python');
  const path = resolve(from);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return openFolder(path);
  if (found !== undefined && /\.whl$/.test(path)) return openWheel(path);
  if (found !== undefined && /\.(tar\.gz|tgz)$/.test(path)) return openTarball(path, join(work, 'tarball'));
  if (found !== undefined) throw new Error(`${from} is neither a .whl, a .tar.gz nor a folder`);
  if (from === 'tarball')
    throw new Error(
      'give the path of the tarball: --from libtensorflow-….tar.gz, from https://www.tensorflow.org/install/lang_c',
    );
  throw new Error(
    `${from}: no such file or folder. A TensorFlow comes from wheel, python, FILE.whl, FILE.tar.gz or FOLDER`,
  );
}
