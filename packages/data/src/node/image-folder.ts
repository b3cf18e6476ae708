import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../dataset.js';
import { checkIndex } from '../dataset.js';
import { fingerprint } from '../fingerprint.js';
import type { Sample } from '../image.js';
import { type DecodeOptions, decodeImageFile } from './decode.js';

export interface ImageFolderOptions extends DecodeOptions {
  /**
   * Class names by label, where they are known: for a test set that must be labelled as its training set. Default: the
   * names of the subfolders, sorted.
   */
  readonly classes?: readonly string[];
}

/** Files that count as images; all others are ignored. */
export const IMAGE_EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp'];

/**
 * A folder of images. Where every image lies in a subfolder, the first level of subfolders names the classes; where
 * images lie in the folder itself, there are none. Subfolders are searched to any depth, links followed, names that
 * begin with a dot ignored; samples are sorted by path, by code unit, and named by their path in the folder.
 * @throws when there is no such folder, or no image in it, or a class that is not one of `options.classes`.
 */
export async function openImageFolder(root: string, options: ImageFolderOptions = {}): Promise<Dataset> {
  return imageFolder(root, await findImages(root), options);
}

/** The data set of these files, as `findImages` lists them. */
export function imageFolder(root: string, files: readonly string[], options: ImageFolderOptions): Dataset {
  if (files.length === 0)
    throw new Error(
      `${root} has no images: looked for ${IMAGE_EXTENSIONS.join(', ')} in it and in all its subfolders ` +
        '(hidden ones left out)',
    );
  const folders = files.map(firstFolder);
  const names = new Set(folders);
  // An image beside the class folders belongs to none of them.
  if (names.has(undefined)) return folderDataset(root, files, options);
  const classes = options.classes ?? [...(names as Set<string>)].sort();
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  const labels = folders.map((folder) => labelOf.get(folder!) ?? -1);
  const unknown = labels.indexOf(-1);
  if (unknown >= 0)
    throw new Error(`${join(root, folders[unknown]!)} is not one of the classes ${classes.join(', ')}`);
  return folderDataset(root, files, options, { classes, labels });
}

function folderDataset(
  root: string,
  files: readonly string[],
  options: DecodeOptions,
  labelled?: { readonly classes: readonly string[]; readonly labels: readonly number[] },
): Dataset {
  const get = async (index: number): Promise<Sample> => {
    const name = files[checkIndex(root, index, files.length)]!;
    const image = await decodeImageFile(join(root, name), options);
    return labelled ? { ...image, name, label: labelled.labels[index]! } : { ...image, name };
  };
  const mark = fingerprint(files, files.length);
  return {
    ...{ name: root, length: files.length, fingerprint: mark },
    ...(labelled && { classes: labelled.classes }),
    get,
  };
}

/** Paths below `root`, sorted, with '/' between the parts on every system. */
export async function findImages(root: string): Promise<string[]> {
  return (await walk(root, '', new Set())).sort();
}

/** @param above real paths of the folders that this one lies in: a link back to one of them would never end */
async function walk(root: string, folder: string, above: ReadonlySet<string>): Promise<string[]> {
  const path = join(root, folder);
  const real = await realpath(path);
  if (above.has(real)) return [];
  const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'));
  const found: string[] = [];
  for (const entry of entries) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const kind = entry.isSymbolicLink() ? await stat(join(root, name)).catch(() => undefined) : entry;
    if (kind?.isDirectory()) found.push(...(await walk(root, name, new Set([...above, real]))));
    else if (kind?.isFile() && isImageName(entry.name)) found.push(name);
  }
  return found;
}

function isImageName(name: string): boolean {
  const lower = name.toLowerCase();
  return IMAGE_EXTENSIONS.some((extension) => lower.endsWith(extension));
}

/** The folder below the root that holds a file; none where that is the root. */
export function firstFolder(path: string): string | undefined {
  const slash = path.indexOf('/');
  return slash < 0 ? undefined : path.slice(0, slash);
}
