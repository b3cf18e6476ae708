import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadTensor } from '../index.js';
import { pickleCheckpoint } from '../torch/pickle-writer.js';
import { openWeightsFile } from './index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maehem-large-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Little-endian numbers: value, bytes, value, bytes, … */
function fields(...list: number[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(list[i]!));
    parts.push(part.subarray(0, list[i + 1]!));
  }
  return Buffer.concat(parts);
}

const MAX_32 = 0xffffffff;

it('a .pth over 4 GB has a 64-bit directory, and is read by positions', async () => {
  const big = { dtype: 'F32', shape: [1_200_000_000] } as const;
  const tail = { dtype: 'F32', shape: [2] } as const;
  const pickle = pickleCheckpoint(
    [
      ['big', big],
      ['tail', tail],
    ],
    {},
  );
  // The big storage is a hole: the file takes a few blocks of the disk.
  const files = [
    { name: 'x/data/0', size: 4_800_000_000 },
    { name: 'x/data/1', contents: new Uint8Array(Float32Array.of(5, 6).buffer), size: 8 },
    { name: 'x/data.pkl', contents: pickle, size: pickle.byteLength },
  ];
  const path = join(folder, 'large.pth');
  const handle = await open(path, 'w');
  let at = 0;
  const entries: Buffer[] = [];
  for (const { name, contents, size } of files) {
    const header = fields(0x04034b50, 4, 45, 2, 0, 8, 0, 4, MAX_32, 4, MAX_32, 4, name.length, 2, 0, 2);
    await handle.write(Buffer.concat([header, Buffer.from(name)]), 0, undefined, at);
    if (contents !== undefined) await handle.write(contents, 0, contents.byteLength, at + 30 + name.length);
    const wide = fields(1, 2, 24, 2, size, 8, size, 8, at, 8);
    const sizes = [
      MAX_32,
      4,
      MAX_32,
      4,
      name.length,
      2,
      wide.byteLength,
      2,
      0,
      2,
      0,
      2,
      0,
      2,
      0,
      4,
      MAX_32,
      4,
    ];
    entries.push(fields(0x02014b50, 4, 45, 2, 45, 2, 0, 8, 0, 4, ...sizes), Buffer.from(name), wide);
    at += 30 + name.length + size;
  }
  const directory = Buffer.concat(entries);
  const counts = [0, 4, 0, 4, 3, 8, 3, 8, directory.byteLength, 8, at, 8];
  const record = fields(0x06064b50, 4, 44, 8, 45, 2, 45, 2, ...counts);
  const locator = fields(0x07064b50, 4, 0, 4, at + directory.byteLength, 8, 1, 4);
  const end = fields(0x06054b50, 4, 0, 4, 0xffff, 2, 0xffff, 2, MAX_32, 4, MAX_32, 4, 0, 2);
  await handle.write(Buffer.concat([directory, record, locator, end]), 0, undefined, at);
  await handle.close();

  const file = await openWeightsFile(path);
  expect(file.tensors['big']!.shape).toEqual([1_200_000_000]);
  expect((await loadTensor(file.tensors['tail']!)).data).toEqual(Float32Array.of(5, 6));
  await file.close();
});
