import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../cache.js';
import type { Dataset } from '../dataset.js';
import {
  isCifar10Folder,
  isCifar100Folder,
  isMnistFolder,
  loadCifar10,
  loadCifar100,
  loadMnist,
  type Split,
} from './binary-sets.js';
import {
  findImages,
  firstFolder,
  IMAGE_EXTENSIONS,
  type ImageFolderOptions,
  imageFolder,
} from './image-folder.js';

export type DatasetKind = 'folder' | 'mnist' | 'cifar10' | 'cifar100';

export interface OpenDatasetOptions extends ImageFolderOptions {
  /** Default 'auto': what the files' names say. */
  readonly kind?: DatasetKind | 'auto';
  /** Default 'train'. Of an image folder: its subfolder `train`, or all of it; `test` or `val`. */
  readonly split?: Split;
  /** Pixels of an image folder to keep decoded, in bytes. Default 512 MiB; 0 keeps none. */
  readonly cacheBytes?: number;
}

const SPLIT_FOLDERS: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'training'],
  test: ['test', 'testing', 'val', 'valid', 'validation'],
};

/**
 * Opens the data set that a folder holds: MNIST's or CIFAR's own files, or images.
 * @throws when there is no such folder, or nothing known in it; the message says what was looked for.
 */
export async function openDataset(path: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  await checkFolder(path);
  const { kind = 'auto', split = 'train', cacheBytes = 512 * 2 ** 20 } = options;
  switch (kind === 'auto' ? await recognise(path) : kind) {
    case 'mnist':
      return loadMnist(path, split);
    case 'cifar10':
      return loadCifar10(path, split);
    case 'cifar100':
      return loadCifar100(path, split);
    case 'folder': {
      const files = await findImages(path);
      if (kind === 'auto' && files.length === 0) throw new Error(await nothingKnown(path));
      return cached(openSplit(path, files, split, options), cacheBytes);
    }
  }
}

/** By the names of the files; what has none of the known ones can only be a folder of images. */
async function recognise(path: string): Promise<DatasetKind> {
  if (await isMnistFolder(path)) return 'mnist';
  if (await isCifar10Folder(path)) return 'cifar10';
  if (await isCifar100Folder(path)) return 'cifar100';
  return 'folder';
}

/** The images of that split, or, for training, all of them where the folder is not split. */
function openSplit(
  path: string,
  files: readonly string[],
  split: Split,
  options: ImageFolderOptions,
): Dataset {
  const folders = new Set(files.map(firstFolder));
  // A class may be called 'train' too: beside folders that are no splits, it is one.
  const known: readonly (string | undefined)[] = Object.values(SPLIT_FOLDERS).flat();
  const isSplit = files.length > 0 && [...folders].every((folder) => known.includes(folder));
  const found = SPLIT_FOLDERS[split].find((name) => isSplit && folders.has(name));
  if (found) {
    const inside = files
      .filter((file) => file.startsWith(`${found}/`))
      .map((file) => file.slice(found.length + 1));
    return imageFolder(join(path, found), inside, options);
  }
  if (split === 'train') return imageFolder(path, files, options);
  throw new Error(`${path} has no ${split} split: looked for a subfolder ${SPLIT_FOLDERS[split].join(', ')}`);
}

async function nothingKnown(path: string): Promise<string> {
  return (
    `${path} holds no data set that is known here. Looked for: MNIST (train-images-idx3-ubyte, gzipped or not), ` +
    'CIFAR-10 and CIFAR-100 in the binary version (data_batch_1.bin, train.bin), and images ' +
    `(${IMAGE_EXTENSIONS.join(', ')}) in the folder and its subfolders. It has: ${await contents(path)}`
  );
}

async function checkFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new Error(`${path}: no such folder`);
  if (!found.isDirectory()) throw new Error(`${path} is a file; a data set is a folder`);
}

/** The first names in a folder, for messages. */
async function contents(path: string): Promise<string> {
  const names = (await readdir(path)).sort();
  if (names.length === 0) return 'nothing';
  return names.length > 5
    ? `${names.slice(0, 5).join(', ')}, and ${names.length - 5} more`
    : names.join(', ');
}
