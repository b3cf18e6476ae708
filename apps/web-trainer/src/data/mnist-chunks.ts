import { type Dataset, mnistDataset, type NamedBytes } from '@maehem/data';
import { CHUNK, chunkName } from './mnist-names.js';

/**
 * The first digits of one of MNIST's sets, from this site.
 * @param site the address of the site's root, with a trailing slash
 * @param count a multiple of {@link CHUNK}
 * @throws when a file does not arrive whole; says which.
 */
export async function fetchMnist(site: string, split: 'train' | 'test', count: number): Promise<Dataset> {
  const chunks = await Promise.all(
    Array.from({ length: count / CHUNK }, async (_, chunk) => {
      const [images, labels] = await Promise.all([
        fetchFile(site, chunkName(split, 'images', chunk)),
        fetchFile(site, chunkName(split, 'labels', chunk)),
      ]);
      return mnistDataset(images, labels);
    }),
  );
  const name = `mnist ${split}`;
  return {
    ...{ name, length: count, classes: chunks[0]!.classes! },
    get: async (index) => {
      const chunk = chunks[Math.floor(index / CHUNK)];
      if (chunk === undefined) throw new RangeError(`${name} has no image ${index}`);
      return { ...(await chunk.get(index % CHUNK)), name: `${name}[${index}]` };
    },
  };
}

async function fetchFile(site: string, name: string): Promise<NamedBytes> {
  const response = await fetch(new URL(name, site)).catch((error: unknown) => {
    throw new Error(`${name} did not arrive (${(error as Error).message}); are you offline?`);
  });
  if (!response.ok) throw new Error(`${name} did not arrive: the server said ${response.status}`);
  return { source: name, bytes: new Uint8Array(await response.arrayBuffer()) };
}
