import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors, type HostTensor, layoutSafetensors, type Named, WeightsError } from '../index.js';
import { openSafetensors, readSafetensors, writeSafetensors } from './index.js';

const tensors: Named<HostTensor> = {
  weight: { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
  step: { dtype: 'I32', shape: [], data: Int32Array.of(9) },
};

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maehem-weights-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a safetensors file', () => {
  it('is written as in memory, and read whole or by tensor', async () => {
    const path = join(folder, 'a.safetensors');
    await writeSafetensors(path, tensors, { format: 'maehem' });
    expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors(tensors, { format: 'maehem' }));
    expect({ ...(await readSafetensors(path)).tensors }).toEqual(tensors);

    const file = await openSafetensors(path);
    expect(file.metadata).toEqual({ format: 'maehem' });
    expect(await file.read('step')).toEqual(tensors['step']);
    await expect(file.read('stop')).rejects.toThrow('tensor "stop": there is no such tensor among 2');
    await truncate(path, 20);
    await expect(file.read('weight')).rejects.toThrow(WeightsError);
    await file.close();
  });

  it('fetches tensors one by one while writing', async () => {
    const path = join(folder, 'a.safetensors');
    const weight = tensors['weight'] as HostTensor<'F32'>;
    const source = { dtype: 'F32', shape: [2, 2], load: async () => weight } as const;
    await writeSafetensors(path, { weight: source });
    expect((await readSafetensors(path)).tensors['weight']).toEqual(weight);
    await expect(writeSafetensors(path, { weight: { ...source, shape: [4] } })).rejects.toThrow(
      'loading gave another tensor than F32 [4], got "F32 [2,2]"',
    );
    expect((await readSafetensors(path)).tensors['weight']).toEqual(weight);
    expect(await readdir(folder)).toEqual(['a.safetensors']);
  });

  it('over 2 GB is read by positions', async () => {
    const path = join(folder, 'big.safetensors');
    const big = { dtype: 'F32', shape: [600_000_000] } as const;
    const { start } = layoutSafetensors({ big, tail: { dtype: 'F32', shape: [2] } });
    const dataEnd = start.byteLength + 2_400_000_008;
    await writeFile(path, start);
    await truncate(path, dataEnd);
    const handle = await open(path, 'r+');
    await handle.write(new Uint8Array(Float32Array.of(5, 6).buffer), 0, 8, dataEnd - 8);
    await handle.close();

    const file = await openSafetensors(path);
    expect(file.tensors.get('big')!.end).toBeGreaterThan(2 ** 31);
    expect((await file.read('tail')).data).toEqual(Float32Array.of(5, 6));
    await file.close();
  });

  it.each([
    ['shorter than a length', new Uint8Array(3), 'at least 8 bytes, got 3'],
    ['cut off', encodeSafetensors(tensors).subarray(0, -1), 'truncated?'],
    ['of another kind', new TextEncoder().encode('PK\u0003\u0004 a zip file'), 'is this a safetensors file?'],
  ])('%s is refused', async (_, bytes, message) => {
    const path = join(folder, 'bad.safetensors');
    await writeFile(path, bytes);
    await expect(openSafetensors(path)).rejects.toThrow(message);
    await expect(openSafetensors(path)).rejects.toThrow(path);
    await expect(openSafetensors(folder)).rejects.toThrow('it is not a file');
  });
});
