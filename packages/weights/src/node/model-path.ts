import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ArchitectureHints } from '../architecture.js';
import { type FileFolder, openModelFile, openModelFolder } from '../model-folder.js';
import type { ModelWeights } from '../model-weights.js';
import { openWeights, type WeightsFile } from '../weights-file.js';
import { type FileSource, openFileSource } from './file-source.js';

/** Something whose files are open. */
export interface Closable {
  readonly close: () => Promise<void>;
}

/**
 * Open the weights of a vision transformer: a safetensors, `.pth`, `.pt` or `.bin` file, an index of shards, a folder of
 * Hugging Face or timm, a checkpoint of a run. Headers are read; tensors when they are loaded. Close it when done.
 * @param hints what is known beside the tensors: heads, the image's size
 * @throws WeightsError, or the file system's error when it can't be read.
 */
export async function openModel(
  path: string,
  hints: ArchitectureHints = {},
): Promise<ModelWeights & Closable> {
  const isFolder = (await stat(path)).isDirectory();
  const folder = await diskFolder(isFolder ? path : dirname(path));
  return closing(folder, () =>
    isFolder ? openModelFolder(folder, hints) : openModelFile(folder, basename(path), hints),
  );
}

/**
 * Open a file of weights under the names that it gives them. Close it when done.
 * @throws WeightsError, or the file system's error when it can't be read.
 */
export async function openWeightsFile(path: string): Promise<WeightsFile & Closable> {
  const source = await openFileSource(path);
  return closing(source, () => openWeights(source));
}

/** What was opened, with a `close`; closed at once when opening fails. */
async function closing<T extends object>(files: Closable, open: () => Promise<T>): Promise<T & Closable> {
  try {
    return { ...(await open()), close: files.close };
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function diskFolder(path: string): Promise<FileFolder & Closable> {
  const opened: FileSource[] = [];
  return {
    name: path,
    files: await readdir(path),
    open: async (file) => {
      const source = await openFileSource(join(path, file));
      opened.push(source);
      return source;
    },
    close: async () => {
      for (const source of opened.splice(0)) await source.close();
    },
  };
}
