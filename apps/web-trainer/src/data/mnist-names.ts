/** Digits in one file: about 800 KB over the wire. `vite/mnist-files.ts` makes the files. */
export const CHUNK = 5000;

/** The name of a chunk's file below the site's root: a gzipped IDX file of its own. */
export function chunkName(split: 'train' | 'test', what: 'images' | 'labels', chunk: number): string {
  return `data/mnist/${split}-${what}-${chunk}.bin`;
}
