import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeFileAtomic } from './index.js';

/** While true, files opened for writing are the device that is always full. */
let full = false;
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof fs>();
  const open: typeof real.open = async (path, flags, mode) => {
    const handle = await real.open(path, flags, mode);
    if (!full || flags !== 'wx') return handle;
    await handle.close();
    return real.open('/dev/full', 'w');
  };
  return { ...real, open };
});

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'maehem-atomic-'));
  path = join(folder, 'checkpoint');
  await fs.writeFile(path, 'before');
});
afterEach(async () => {
  full = false;
  await fs.rm(folder, { recursive: true });
});

const bytes = (text: string) => new TextEncoder().encode(text);

async function expectUntouched(): Promise<void> {
  expect(await fs.readFile(path, 'utf8')).toBe('before');
  expect(await fs.readdir(folder)).toEqual(['checkpoint']);
}

describe('writeFileAtomic', () => {
  it('replaces a file and leaves nothing else', async () => {
    await writeFileAtomic(path, [bytes('af'), bytes(''), bytes('ter')]);
    expect(await fs.readFile(path, 'utf8')).toBe('after');
    expect(await fs.readdir(folder)).toEqual(['checkpoint']);
  });

  it('shows the old file until the last chunk is written', async () => {
    async function* chunks() {
      yield bytes('half');
      expect(await fs.readFile(path, 'utf8')).toBe('before');
      yield bytes(' and half');
    }
    await writeFileAtomic(path, chunks());
    expect(await fs.readFile(path, 'utf8')).toBe('half and half');
  });

  it.skipIf(!existsSync('/dev/full'))('leaves the previous file when the disk is full', async () => {
    full = true;
    const failure = writeFileAtomic(path, [bytes('after')]);
    await expect(failure).rejects.toThrow(`${path}: cannot write it (ENOSPC: the disk is full`);
    await expect(failure).rejects.toMatchObject({ code: 'ENOSPC' });
    await expectUntouched();
  });

  it('leaves the previous file when the contents fail halfway', async () => {
    function* chunks() {
      yield bytes('half');
      throw new Error('the tensor is gone');
    }
    await expect(writeFileAtomic(path, chunks())).rejects.toThrow('the tensor is gone');
    await expectUntouched();
  });

  it('names a folder that is not there', async () => {
    await expect(writeFileAtomic(join(folder, 'no', 'file'), [])).rejects.toThrow('cannot write it (ENOENT)');
  });
});
