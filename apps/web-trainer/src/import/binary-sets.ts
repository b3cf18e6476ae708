import { cifar10Dataset, cifar100Dataset, type Dataset, mnistDataset, type NamedBytes } from '@maehem/data';
import type { BroughtFile, LeftOut } from './protocol.js';

const IDX = /(^|\/)([\w-]+)-(images|labels)[-.]idx\d-ubyte(\.gz)?$/;
const CIFAR10 = /(^|\/)(data_batch_\d|test_batch)\.bin$/;
const CIFAR100 = /(^|\/)(train|test)\.bin$/;

/** Is this a file of MNIST or CIFAR in their own formats? */
export function isBinarySet(path: string): boolean {
  return IDX.test(path) || CIFAR10.test(path) || CIFAR100.test(path);
}

/** The data sets in such files; images without their labels, and corrupt files, are left out. */
export async function readBinarySets(
  files: readonly BroughtFile[],
): Promise<{ sets: Dataset[]; leftOut: LeftOut[] }> {
  const sets: Dataset[] = [];
  const leftOut: LeftOut[] = [];
  const attempt = async (path: string, open: () => Dataset | Promise<Dataset>): Promise<void> => {
    try {
      sets.push(await open());
    } catch (error) {
      leftOut.push({ path, why: (error as Error).message });
    }
  };
  for (const brought of files) {
    const { path } = brought;
    const idx = IDX.exec(path);
    if (CIFAR10.test(path)) await attempt(path, async () => cifar10Dataset([await bytesOf(brought)]));
    else if (CIFAR100.test(path)) await attempt(path, async () => cifar100Dataset([await bytesOf(brought)]));
    else if (idx?.[3] === 'images') {
      const labels = files.find((other) => {
        const found = IDX.exec(other.path);
        return found?.[3] === 'labels' && found[2] === idx[2];
      });
      if (labels === undefined)
        leftOut.push({ path, why: `its labels (${idx[2]}-labels-idx1-ubyte) were not brought` });
      else await attempt(path, async () => mnistDataset(await bytesOf(brought), await bytesOf(labels)));
    }
  }
  return { sets, leftOut };
}

async function bytesOf({ path, file }: BroughtFile): Promise<NamedBytes> {
  return { source: path, bytes: new Uint8Array(await file.arrayBuffer()) };
}
