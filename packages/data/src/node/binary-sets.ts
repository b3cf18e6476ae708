import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cifar100Labels, cifar10Dataset, cifar100Dataset } from '../cifar.js';
import type { Dataset } from '../dataset.js';
import { mnistDataset, type NamedBytes } from '../mnist.js';

/** Which part of a data set. */
export type Split = 'train' | 'test';

/** Where the archives of these data sets unpack to; a folder that holds one is taken for it. */
const CIFAR10_FOLDER = 'cifar-10-batches-bin';
const CIFAR100_FOLDER = 'cifar-100-binary';

const CIFAR10_FILES: Readonly<Record<Split, readonly string[]>> = {
  train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`),
  test: ['test_batch.bin'],
};

/**
 * MNIST, or a set in its format, from its folder: `train-images-idx3-ubyte` and its three companions, as they are or
 * gzipped.
 * @throws when a file is missing or corrupt.
 */
export async function loadMnist(folder: string, split: Split = 'train'): Promise<Dataset> {
  const { images, labels } = await findMnist(folder, split);
  if (!images || !labels)
    throw new Error(`${folder} has no MNIST ${split} set: looked for ${mnistFiles(split)}`);
  return mnistDataset(await readNamed(images), await readNamed(labels), `mnist ${split}`);
}

/**
 * CIFAR-10's binary version from its folder (or the one above): `data_batch_1.bin` … `data_batch_5.bin`,
 * `test_batch.bin`.
 * @throws when a file is missing or corrupt.
 */
export async function loadCifar10(folder: string, split: Split = 'train'): Promise<Dataset> {
  const files = await readAll(folder, CIFAR10_FOLDER, CIFAR10_FILES[split], `CIFAR-10 ${split}`);
  return cifar10Dataset(files, `cifar10 ${split}`);
}

/**
 * CIFAR-100's binary version from its folder (or the one above): `train.bin`, `test.bin`.
 * @throws when a file is missing or corrupt.
 */
export async function loadCifar100(
  folder: string,
  split: Split = 'train',
  labels: Cifar100Labels = 'fine',
): Promise<Dataset> {
  const files = await readAll(folder, CIFAR100_FOLDER, [`${split}.bin`], `CIFAR-100 ${split}`);
  return cifar100Dataset(files, labels, undefined, `cifar100 ${split}`);
}

/** Whether the folder has MNIST's images, of either split. */
export async function isMnistFolder(folder: string): Promise<boolean> {
  const found = await Promise.all([findMnist(folder, 'train'), findMnist(folder, 'test')]);
  return found.some(({ images }) => images !== undefined);
}

/** Whether the folder, or the archive's folder in it, has a batch of CIFAR-10's binary version. */
export async function isCifar10Folder(folder: string): Promise<boolean> {
  const names = [...(await namesIn(folder)), ...(await namesIn(join(folder, CIFAR10_FOLDER)))];
  return [...CIFAR10_FILES.train, ...CIFAR10_FILES.test].some((name) => names.includes(name));
}

export async function isCifar100Folder(folder: string): Promise<boolean> {
  const names = [...(await namesIn(folder)), ...(await namesIn(join(folder, CIFAR100_FOLDER)))];
  return names.includes('train.bin') || names.includes('test.bin');
}

interface MnistFiles {
  readonly images: string | undefined;
  readonly labels: string | undefined;
}

async function findMnist(folder: string, split: Split): Promise<MnistFiles> {
  const names = await namesIn(folder);
  // The dot is how some archives write the first dash.
  const find = (kind: string): string | undefined => {
    const pattern = new RegExp(`^${mnistPrefix(split)}-${kind}[-.]idx\\d-ubyte(\\.gz)?$`);
    const name = names.find((candidate) => pattern.test(candidate));
    return name === undefined ? undefined : join(folder, name);
  };
  return { images: find('images'), labels: find('labels') };
}

function mnistFiles(split: Split): string {
  const prefix = mnistPrefix(split);
  return `${prefix}-images-idx3-ubyte and ${prefix}-labels-idx1-ubyte, with or without .gz`;
}

function mnistPrefix(split: Split): string {
  return split === 'train' ? 'train' : 't10k';
}

async function readAll(
  folder: string,
  archive: string,
  files: readonly string[],
  what: string,
): Promise<NamedBytes[]> {
  const inside = join(folder, archive);
  const place = (await namesIn(inside)).length > 0 ? inside : folder;
  const names = await namesIn(place);
  const missing = files.filter((name) => !names.includes(name));
  if (missing.length > 0)
    throw new Error(`${place} has no whole ${what} set (binary version): ${missing.join(', ')} missing`);
  return Promise.all(files.map((name) => readNamed(join(place, name))));
}

async function readNamed(source: string): Promise<NamedBytes> {
  return { source, bytes: await readFile(source) };
}

/** Sorted; none where there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
