import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GemmTuning } from '@maehem/kernels';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepTunedTiles, readTunedTiles, tunedTilesFile } from './tuned-tiles.js';

const adapter = { description: 'WebGPU, Vendor GPU 3000 (Dawn)' };
const choice = { tile: { m: 64, n: 64, k: 16, threadM: 8, threadN: 8 }, splits: 2, depth: 32 };

describe('tuned tiles', () => {
  let cache = '';
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'maehem-tiles-'));
  });
  afterEach(() => rm(cache, { recursive: true }));

  it('are kept for each adapter, beside those of other products', async () => {
    const file = tunedTilesFile(adapter, cache);
    expect(file).toBe(join(cache, 'webgpu', 'tiles-webgpu-vendor-gpu-3000-dawn-.json'));
    expect(await readTunedTiles(file)).toEqual({});
    const [first, second]: GemmTuning[] = [{ a: choice }, { b: { ...choice, splits: 1 } }];
    await keepTunedTiles(file, first!);
    await keepTunedTiles(file, second!);
    expect(await readTunedTiles(file)).toEqual({ ...first, ...second });
  });

  it('name the file that is broken', async () => {
    const file = join(cache, 'tiles.json');
    await writeFile(file, '{');
    await expect(readTunedTiles(file)).rejects.toThrow(`${file} is not JSON`);
  });
});
